package site

import (
	"context"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// Statement is what a supervisor signs, new each time.
func Statement(service artifact.ServiceID, env catalog.Env, commit artifact.Commit) string {
	return string(grant.Draft(granting(service, env, commit), time.Now()).Bytes())
}

func granting(service artifact.ServiceID, env catalog.Env, commit artifact.Commit) grant.Deploy {
	return grant.Deploy{Service: service, Env: string(env), Commit: commit}
}

// Granted is the contract with the grant of a file, which is verified here, before
// anything is contacted. What no grant opens stays as it is; a grant that does not
// open what one could is answered with a result.
func Granted(ctx context.Context, configDir string, c deploy.Contract, file string) (deploy.Contract, *deploy.Result, error) {
	switch {
	case file == "":
		return c, nil, nil
	case c.Gate.Code == "":
		return c, nil, fault.New(fault.Usage, "%s wants no grant in %s", c.Service, c.Env)
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
	if fault.ReasonOf(err) == fault.LedgerUnavailable {
		return c, nil, err
	}
	if err != nil {
		refused := deploy.Ungranted(c, err)
		return c, &refused, nil
	}
	return c.Granted(g), nil, nil
}

// grantSpent refuses a grant whose one deploy has its receipt. One that was used by
// a run without a receipt goes on: that run may have left a change, and only its
// host can tell.
func (c Config) grantSpent(contract deploy.Contract, g grant.Grant) error {
	used := c.grantUsed(g)
	if used == nil {
		return nil
	}
	receipts, err := ledger.Open(c.LedgerDir()).History(string(contract.Env), contract.Service.String())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(receipts, func(r ledger.Receipt) bool { return r.Grant != nil && r.Grant.Nonce == g.Nonce }) {
		return used
	}
	return nil
}

// grantUsed implements deploy.Deployer's.
func (c Config) grantUsed(g grant.Grant) error { return grant.Used(c.grantsDir(), g) }

// useGrant implements deploy.Deployer's.
func (c Config) useGrant(g grant.Grant, by string) error {
	return grant.Use(c.grantsDir(), g, by, time.Now())
}
