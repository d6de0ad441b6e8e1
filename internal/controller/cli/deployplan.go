package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
)

type deployPlanCommand struct {
	*app
	req deploy.Request
}

func (a *app) deployPlan() *cobra.Command {
	c := &deployPlanCommand{app: a}
	cmd := &cobra.Command{
		Use: "plan --env ENV [--service NAME [--commit FULL-SHA]]", Short: "Check against the real hosts, and change nothing",
		Example: `  unidesk-controller deploy plan --env prod
  unidesk-controller deploy plan --env prod --service frontend --commit 0123456789abcdef0123456789abcdef01234567`,
		Args: cobra.NoArgs, RunE: a.runs(c),
	}
	deployFlags(cmd, &c.req, nil)
	return withEnv(cmd)
}

func (c *deployPlanCommand) run(ctx context.Context) (present.Answer, error) {
	return c.reconcile(ctx, c.req, reconciler{
		access: site.Reading,
		early:  func(c deploy.Contract) (deploy.Result, bool) { return atGate(c, false) },
		one:    (*deploy.Deployer).Plan,
		all: func(ctx context.Context, d *deploy.Deployer, env catalog.Env, all []deploy.Candidate) deploy.Reconciliation {
			return deploy.LookAll(env, all, func(c deploy.Contract) deploy.Result { return d.Plan(ctx, c) })
		},
	})
}
