package deploycmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

type rollbackCommand struct {
	*command.App
	// req has no commit: that is --to, or what is found.
	req    contract.Request
	runNow bool
	to     string
	grant  string // its file
}

// NewRollback returns the command rollback.
func NewRollback(a *command.App) *cobra.Command {
	c := &rollbackCommand{App: a}
	cmd := &cobra.Command{
		Use:   "rollback --service NAME [--env ENV] [--run-now [--to FULL-SHA] [-m TEXT] [--again] [--grant FILE]]",
		Short: "List what a service can roll back to, or roll back",
		Long: `rollback lists the commits that were proven, newest first, with what is left of
each, and prints the command that rolls back to it.
Exit code 0: there is a candidate, 1: there is none.

With --run-now it rolls back: to the newest of them that is older than what
runs, can be rolled back to and did not fail since; or to the commit that --to
names.
That is the deploy of that commit, by the same steps and gates, and has its
answer.`,
		Example: `  unidesk-controller rollback --service frontend --env prod
  unidesk-controller rollback --service frontend --env prod --run-now -m login-fails`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	command.ServiceFlags(cmd, &c.req.Service, &c.req.Env)
	f := cmd.Flags()
	f.BoolVar(&c.runNow, "run-now", false, "roll back")
	f.StringVar(&c.to, "to", "", "full id of the `COMMIT` to roll back to")
	takeOverFlag(cmd, &c.req.TakeOver)
	grantFlag(cmd, &c.grant)
	againFlag(cmd, &c.req)
	noteFlags(cmd, &c.req.Note)
	a.RateFlag(cmd)
	return cmd
}

func (c *rollbackCommand) Run(ctx context.Context) (present.Answer, error) {
	if c.runNow {
		return c.goBack(ctx)
	}
	if c.to != "" || c.grant != "" || c.req.Again || c.req.TakeOver || c.req.Note != (ledger.Note{}) {
		return present.Answer{}, fault.New(fault.Usage, "--to, -m, --link, --again, --grant and --take-over want --run-now: without it rollback only lists")
	}
	options, err := c.options(ctx)
	return present.Rollback(options).UnlessStopped(ctx), err
}

// options are what the service can go back to.
func (c *rollbackCommand) options(ctx context.Context) (inventory.RollbackOptions, error) {
	at, err := c.Place(c.req.Service, c.req.Env)
	if err != nil {
		return inventory.RollbackOptions{}, err
	}
	defer at.Close()
	return inventory.FindCandidates(ctx, at)
}

// goBack deploys the commit by the entry that its service wants.
func (c *rollbackCommand) goBack(ctx context.Context) (present.Answer, error) {
	services, err := site.LoadCatalog(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	at, err := site.FindPlace(services, c.req.Service, c.req.Env)
	if err != nil {
		return present.Answer{}, err
	}
	to, err := c.destination(ctx, at)
	switch reason := fault.ReasonOf(err); {
	case ctx.Err() != nil:
		return present.Answer{}, context.Cause(ctx)
	case err != nil && (reason == fault.CommitNotPinned || reason == fault.ConfigInvalid):
		return present.Answer{}, err
	case err != nil:
		return present.Deployed(contract.NoWayBack(at.Row.Service, at.Env, err)), nil
	}
	c.req.Commit, c.req.Statement = to.String(), site.Statement
	if at.Row.Environment(at.Env).Has(catalog.UseDeployApply) {
		return (&applyCommand{App: c.App, req: c.req, grant: c.grant}).Run(ctx)
	}
	return (&serviceCommand{App: c.App, req: c.req, grant: c.grant, runNow: true}).Run(ctx)
}

// destination is --to, if a receipt of success names it, or the newest commit that can be
// gone back to.
func (c *rollbackCommand) destination(ctx context.Context, at *site.Place) (artifact.Commit, error) {
	if c.to == "" {
		options, err := c.options(ctx)
		if err != nil {
			return artifact.Commit{}, err
		}
		return options.Newest()
	}
	commit, err := artifact.ParseCommit(c.to)
	if err != nil {
		return commit, err
	}
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return commit, err
	}
	return commit, inventory.Proven(config, at.Row.Service, at.Env, commit)
}
