package controller

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

func grantFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "grant", "", "file of a supervisor's grant; the dry run prints what to sign")
}

func errDryRunGrant() error {
	return fault.New(fault.Usage, "--dry-run contacts nothing and wants no --grant")
}

// statement is what a supervisor signs, new each time.
func statement(service artifact.ServiceID, env catalog.Env, commit artifact.Commit) string {
	return string(grant.Draft(granting(service, env, commit), time.Now()).Bytes())
}

func granting(service artifact.ServiceID, env catalog.Env, commit artifact.Commit) grant.Deploy {
	return grant.Deploy{Service: service, Env: string(env), Commit: commit}
}

// granted is the contract with the grant of a file, which is verified here, before
// anything is contacted. What no grant opens stays as it is; a grant that does not
// open what one could is answered with a result.
func (a *app) granted(ctx context.Context, c contract.Contract, file string) (contract.Contract, *contract.Result, error) {
	switch {
	case file == "":
		return c, nil, nil
	case c.Gate.Code == "":
		return c, nil, fault.New(fault.Usage, "%s wants no grant in %s", c.Service, c.Env)
	case !c.WantsGrant():
		return c, nil, nil // the gate answers
	}
	config, err := LoadConfig(a.configDir)
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
		refused := contract.Ungranted(c, err)
		return c, &refused, nil
	}
	return c.Granted(g), nil, nil
}

// withGrant names the file that was given in the lines to type next.
func withGrant(r contract.Result, file string) contract.Result {
	if file != "" && r.Plan != nil {
		r.Plan.Next = r.Plan.Next.With(contract.GrantFile, file)
	}
	if file != "" && r.Failure != nil {
		r.Failure.Next = r.Failure.Next.With(contract.GrantFile, file)
	}
	return r
}

// grantSpent refuses a grant whose one deploy has its receipt. One that was used by
// a run without a receipt goes on: that run may have left a change, and only its
// host can tell.
func (c Config) grantSpent(wanted contract.Contract, g grant.Grant) error {
	used := grants(c.grantsDir()).Used(g)
	if used == nil {
		return nil
	}
	receipts, err := ledger.Open(c.ledgerDir()).History(string(wanted.Env), wanted.Service.String())
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

func (g grants) Used(one grant.Grant) error { return grant.Used(string(g), one) }

func (g grants) Use(one grant.Grant, by string) error {
	return grant.Use(string(g), one, by, time.Now())
}
