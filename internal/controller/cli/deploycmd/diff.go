package deploycmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
)

type diffCommand struct {
	*command.App
	req contract.Request
}

func newDiff(a *command.App) *cobra.Command {
	c := &diffCommand{App: a}
	cmd := &cobra.Command{
		Use: "diff --env ENV [--service NAME [--commit FULL-SHA]]", Short: "Compare what is wanted with what was proven and what runs",
		Long: `diff compares the wanted commits with the newest receipts and with what runs.
Exit code 0: equal, 1: different.`,
		Example: `  unidesk-controller deploy diff --env prod
  unidesk-controller deploy diff --env prod --service frontend`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	deployFlags(cmd, &c.req, nil)
	return withEnv(cmd)
}

func (c *diffCommand) Run(ctx context.Context) (present.Answer, error) {
	w, err := newTargets(c.App, c.req)
	if err != nil {
		return present.Answer{}, err
	}
	all, err := w.candidates()
	if err != nil {
		return present.Answer{}, err
	}
	return w.hosts(ctx, site.Reading, func(ctx context.Context, d *deploy.Deployer) (present.Answer, error) {
		compared, err := d.Diff(ctx, w.env, all)
		return present.Compared(compared), err
	})
}
