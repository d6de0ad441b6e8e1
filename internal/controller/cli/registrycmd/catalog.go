package registrycmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
)

type catalogCommand struct{ *command.App }

func newCatalog(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "catalog", Short: "Compare CI.json, the registry and what the hosts run",
		Long: `catalog shows each service by what CI.json declares, what the registry holds and
what its hosts show to run. A commit with a question mark was not seen to run:
the last proven receipt names it. CI.json is a plan and no evidence: an
upstream-image entry is coverage only, and makes nothing deployable.`,
		Example: "  unidesk-controller artifact-registry catalog", Args: cobra.NoArgs, RunE: a.Runs(catalogCommand{a}),
	}
}

func (c catalogCommand) Run(ctx context.Context) (present.Answer, error) {
	services, err := site.RowsOf(c.ConfigDir, "")
	if err != nil {
		return present.Answer{}, err
	}
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	c.Remind(config)
	var look func(catalog.Row, artifact.Env) sight.Workload
	w, unwired := c.WireDefault(site.Reading)
	if unwired == nil {
		defer w.Close()
		look = w.Deployer.Workload
	}
	far := site.NewRemote(config.RegistryHost, config.Hosts[config.RegistryHost], c.Version)
	defer func() { _ = far.Close() }()
	return present.Coverage(inventory.Compare(ctx, config, inventory.ListerOf(ctx, far), services, look, unwired)).UnlessStopped(ctx), nil
}
