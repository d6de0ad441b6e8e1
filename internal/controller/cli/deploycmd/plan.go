package deploycmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

type planCommand struct {
	*command.App
	req contract.Request
}

func newPlan(a *command.App) *cobra.Command {
	c := &planCommand{App: a}
	cmd := &cobra.Command{
		Use: "plan --env ENV [--service NAME [--commit FULL-SHA] [--digest DIGEST]]", Short: "Check against the real hosts, and change nothing",
		Example: `  unidesk-controller deploy plan --env prod
  unidesk-controller deploy plan --env prod --service frontend --commit 0123456789abcdef0123456789abcdef01234567`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	deployFlags(cmd, &c.req, nil)
	digestFlag(cmd, &c.req)
	againFlag(cmd, &c.req)
	return withEnv(cmd)
}

func (c *planCommand) Run(ctx context.Context) (present.Answer, error) {
	return reconcile(ctx, c.App, c.req, planning())
}
