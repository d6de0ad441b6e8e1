package site

import (
	"context"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// Statement is what a supervisor signs, new each time.
func Statement(service artifact.ServiceID, env artifact.Env, commit artifact.Commit) string {
	return string(grant.Draft(granting(service, env, commit), time.Now()).Bytes())
}

func granting(service artifact.ServiceID, env artifact.Env, commit artifact.Commit) grant.Deploy {
	return grant.Deploy{Service: service, Env: env, Commit: commit}
}

// Granted returns the contract with the grant of a file. It verifies the grant before
// anything is contacted. A gate that no grant opens stays as it is. If a grant could
// open the gate and this grant does not, Granted returns a result.
func Granted(ctx context.Context, configDir string, c contract.Contract, file string) (contract.Contract, *contract.Result, error) {
	switch {
	case file == "":
		return c, nil, nil
	case c.Gate.Code == "":
		return c, nil, fault.New(fault.Usage, "%s needs no grant in %s: leave out --grant", c.Service, c.Env)
	case !c.WantsGrant():
		return c, nil, nil // the gate answers
	}
	config, err := LoadConfig(configDir)
	if err != nil {
		return c, nil, err
	}
	g, err := grant.Verify(ctx, file, granting(c.Service, c.Env, c.Commit), config.AllowedSigners, time.Now())
	if err == nil {
		err = config.grantSpent(c, g)
	}
	if reason := fault.ReasonOf(err); reason == fault.LedgerUnavailable || reason == fault.DiskFull {
		return c, nil, err
	}
	if err != nil {
		refused := contract.Ungranted(c, err)
		return c, &refused, nil
	}
	return c.Granted(g), nil, nil
}

// grantSpent refuses a grant whose one deploy has its receipt. A grant that was used by
// a run without a receipt goes on: that run may have left a change, and only its
// host knows.
func (c Config) grantSpent(wanted contract.Contract, g grant.Grant) error {
	used := grants(c.grantsDir()).Used(g)
	if used == nil {
		return nil
	}
	receipts, err := ledger.Open(c.LedgerDir()).History(wanted.Env, wanted.Service.String())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(receipts, func(r ledger.Receipt) bool { return r.Grant != nil && r.Grant.Nonce == g.Nonce }) {
		return used
	}
	return nil
}

// grants implements [deploy.Grants] by a folder.
type grants string

// Used implements [deploy.Grants].
func (g grants) Used(one grant.Grant) error { return grant.Used(string(g), one) }

// Use implements [deploy.Grants].
func (g grants) Use(one grant.Grant, by string) error {
	return grant.Use(string(g), one, by, time.Now())
}
