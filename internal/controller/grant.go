package controller

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
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
func (a *app) granted(ctx context.Context, c deploy.Contract, file string) (deploy.Contract, *deploy.Result, error) {
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
		refused := deploy.Ungranted(c, err)
		return c, &refused, nil
	}
	return c.Granted(g), nil, nil
}

// withGrant names the file that was given in the lines to type next.
func withGrant(r deploy.Result, file string) deploy.Result {
	name := func(line string) string {
		return strings.Replace(line, "--grant "+deploy.GrantPlaceholder, "--grant "+plain.Quote(file), 1)
	}
	if file != "" && r.Plan != nil {
		r.Plan.Next = name(r.Plan.Next)
	}
	if file != "" && r.Failure != nil {
		r.Failure.Next = name(r.Failure.Next)
	}
	return r
}

// grantSpent refuses a grant whose one deploy has its receipt. One that was used by
// a run without a receipt goes on: that run may have left a change, and only its
// host can tell.
func (c Config) grantSpent(contract deploy.Contract, g grant.Grant) error {
	used := c.grantUsed(g)
	if used == nil {
		return nil
	}
	receipts, err := ledger.Open(c.ledgerDir()).History(string(contract.Env), contract.Service.String())
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
