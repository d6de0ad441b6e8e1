package deploycmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

type serviceCommand struct {
	*command.App
	req            contract.Request
	dryRun, runNow bool
	grant          string // its file
	wait           time.Duration
}

// NewDeployService returns the command deploy-service.
func NewDeployService(a *command.App) *cobra.Command {
	c := &serviceCommand{App: a, req: contract.Request{Statement: site.Statement}}
	cmd := &cobra.Command{
		Use:   "deploy-service --service NAME [--env dev|prod] --commit FULL-SHA [--digest DIGEST] [--dry-run | --run-now [-m TEXT] [--again] [--grant FILE] [--max-rate SIZE] [--wait[=TIME]]]",
		Short: "Bring a commit of a service live",
		Long: `deploy-service brings a commit of a service live in three steps that a person
can take one at a time:

  --dry-run   the contract, from the catalog alone; nothing is contacted
  (no flag)   the same, and a read-only preflight against the real hosts
  --run-now   do it, prove it, or put back what ran`,
		Example: `  unidesk-controller artifact-registry deploy-service --service frontend --commit 0123456789abcdef0123456789abcdef01234567
  unidesk-controller artifact-registry deploy-service --service frontend --commit 0123456789abcdef0123456789abcdef01234567 --run-now`,
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
	f := cmd.Flags()
	f.BoolVar(&c.runNow, "run-now", false, "deploy")
	f.BoolVar(&c.req.Force, "force", false, "recreate the service even if the commit runs already")
	return withCommit(cmd)
}

func (c *serviceCommand) Run(ctx context.Context) (present.Answer, error) {
	if c.dryRun && c.runNow {
		return present.Answer{}, fault.New(fault.Usage, "--dry-run and --run-now exclude each other")
	}
	if c.dryRun && c.grant != "" {
		return present.Answer{}, errDryRunGrant()
	}
	var err error
	if c.req.Note, err = noted(c.req.Note); err != nil {
		return present.Answer{}, err
	}
	services, err := site.LoadCatalog(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	c.req.EnvFile = site.EnvFile(c.ConfigDir)
	wanted, err := contract.NewContract(services, c.req)
	if err != nil {
		return present.Answer{}, err
	}
	if c.dryRun {
		noteRuns(c.App, []contract.Candidate{{Contract: wanted}})
		return present.Deployed(contract.DryRun(wanted)), nil
	}
	try := newAttempt(c.App, c.runNow, wanted)
	wanted, refused, err := site.Granted(ctx, c.ConfigDir, wanted, c.grant)
	if err != nil {
		return present.Answer{}, err
	}
	if refused != nil {
		return try.refused(*refused), nil
	}
	if early, stopped := contract.Early(wanted, c.runNow); stopped {
		return try.refused(early), nil
	}
	access := site.Reading
	if c.runNow {
		access = site.Acting
	}
	w := targets{App: c.App, req: c.req, catalog: services, wait: c.wait}
	answer, err := w.hosts(ctx, access, func(ctx context.Context, d *deploy.Deployer) (present.Answer, error) {
		if !c.runNow {
			return present.Deployed(d.Plan(ctx, wanted).WithGrant(c.grant)), nil
		}
		c.Acts(&wanted)
		return present.Deployed(d.Run(ctx, wanted, c.req.Force).WithGrant(c.grant)), nil
	})
	return answer, try.failed(err)
}
