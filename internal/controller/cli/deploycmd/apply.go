package deploycmd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

type applyCommand struct {
	*command.App
	req    contract.Request
	dryRun bool
	yes    bool   // is not asked
	grant  string // its file
	wait   time.Duration
}

func newApply(a *command.App) *cobra.Command {
	c := &applyCommand{App: a}
	cmd := &cobra.Command{
		Use:   "apply --env ENV [--service NAME [--commit FULL-SHA] [--digest DIGEST] [--grant FILE]] [-m TEXT] [--again] [--max-rate SIZE] [--wait[=TIME]] [--yes] [--dry-run]",
		Short: "Check the guardrail, then deploy as deploy-service --run-now",
		Long: `apply passes the guardrail that every artifact consumer passes (contract, gates,
every check that only reads) and then does what deploy-service --run-now does.
Without --service it does so for each service that deploy.json names in the
environment: what a gate stops is skipped and listed, a failure stops the rest.
At a terminal it first shows what would change, and asks; --yes does not ask.`,
		Example: `  unidesk-controller deploy apply --env prod --dry-run
  unidesk-controller deploy apply --env prod --service frontend --commit 0123456789abcdef0123456789abcdef01234567`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	deployFlags(cmd, &c.req, &c.dryRun)
	digestFlag(cmd, &c.req)
	a.RateFlag(cmd)
	takeOverFlag(cmd, &c.req.TakeOver)
	waitFlag(cmd, &c.wait)
	grantFlag(cmd, &c.grant)
	againFlag(cmd, &c.req)
	noteFlags(cmd, &c.req.Note)
	cmd.Flags().BoolVarP(&c.yes, "yes", "y", false, "deploy an environment without a question at the terminal")
	cmd.Flags().BoolVar(&c.req.Force, "force", false, "recreate a service even if the commit runs already")
	return withEnv(cmd)
}

func (c *applyCommand) Run(ctx context.Context) (present.Answer, error) {
	var err error
	if c.req.Note, err = noted(c.req.Note); err != nil {
		return present.Answer{}, err
	}
	switch {
	case c.grant != "" && c.dryRun:
		return present.Answer{}, errDryRunGrant()
	case c.grant != "" && c.req.Service == "":
		return present.Answer{}, fault.New(fault.Usage, "--grant wants --service: a grant is one service's")
	case c.dryRun:
		return reconcile(ctx, c.App, c.req, reconciler{})
	}
	how := reconciler{
		access: site.Acting, acts: true, grant: c.grant, wait: c.wait, one: (*deploy.Deployer).Apply, all: (*deploy.Deployer).ApplyAll,
	}
	if !c.yes && c.Asks() {
		how.ask = c.ask
	}
	return reconcile(ctx, c.App, c.req, how)
}

// ask shows what would change in an environment, and returns DECLINED unless the person at the
// terminal agrees. If each service runs the wanted commit there is no question.
func (c *applyCommand) ask(ctx context.Context, d *deploy.Deployer, env artifact.Env, all []contract.Candidate) error {
	all = slices.DeleteFunc(slices.Clone(all), func(one contract.Candidate) bool { return one.Err != nil || one.Contract.Gate.Final() })
	compared, err := d.Diff(ctx, env, all)
	if err != nil {
		return err
	}
	changes := changing(compared.Services, c.req.Force)
	if len(changes) == 0 {
		return nil
	}
	if err := present.Changes(c.Err, c.Format, env, changes); err != nil {
		return err
	}
	agreed, err := c.Agrees(ctx, fmt.Sprintf("Deploy %s to %s?", plain.Count(len(changes), "service"), env))
	if err == nil && !agreed {
		return fault.New(fault.Declined, "nothing was changed: the answer was not yes").WithHint("--yes deploys without the question")
	}
	return err
}

// changing returns the services that a deploy recreates, by what was seen of them: also those
// whose environment names another commit than their image.
func changing(all []contract.Difference, force bool) []contract.Difference {
	return slices.DeleteFunc(slices.Clone(all), func(d contract.Difference) bool { return d.Equal && !d.Running.Differs && !force })
}
