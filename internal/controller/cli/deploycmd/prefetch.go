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

type prefetchCommand struct {
	*command.App
	req contract.Request
}

// NewPrefetch returns the command prefetch.
func NewPrefetch(a *command.App) *cobra.Command {
	c := &prefetchCommand{App: a, req: contract.Request{Entry: contract.ByPrefetch}}
	cmd := &cobra.Command{
		Use: "prefetch --service NAME [--env dev|prod] --commit FULL-SHA [--digest DIGEST] [--max-rate SIZE]", Short: "Bring an image to its host ahead of a deploy",
		Long: `prefetch brings the image of a commit to the host of its service, checked, and
touches nothing that runs. A deploy of the commit finds the image there. An
image that no deploy takes stays until docker image rm removes it.`,
		Example: "  unidesk-controller artifact-registry prefetch --service frontend --commit 0123456789abcdef0123456789abcdef01234567",
		Args:    cobra.NoArgs, RunE: a.Runs(c),
	}
	deployFlags(cmd, &c.req, nil)
	digestFlag(cmd, &c.req)
	a.RateFlag(cmd)
	return withCommit(cmd)
}

func (c *prefetchCommand) Run(ctx context.Context) (present.Answer, error) {
	services, err := site.LoadCatalog(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	c.req.EnvFile = site.EnvFile(c.ConfigDir)
	wanted, err := contract.NewContract(services, c.req)
	if err != nil {
		return present.Answer{}, err
	}
	if !wanted.Gate.Passable() {
		return present.Deployed(contract.Gated(wanted)), nil
	}
	w := targets{App: c.App, req: c.req, catalog: services}
	return w.hosts(ctx, site.Acting, func(ctx context.Context, d *deploy.Deployer) (present.Answer, error) {
		return present.Deployed(d.Prefetch(ctx, wanted)), nil
	})
}
