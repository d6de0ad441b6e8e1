package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type registryListCommand struct {
	*app
	service string // "" is all
}

func (a *app) registryList() *cobra.Command {
	c := &registryListCommand{app: a}
	cmd := &cobra.Command{
		Use: "list", Short: "List what the registry holds of each service, newest first",
		Example: `  unidesk-controller artifact-registry list
  unidesk-controller artifact-registry list --service frontend`,
		Args: cobra.NoArgs, RunE: a.runs(c),
	}
	cmd.Flags().StringVar(&c.service, "service", "", "only this service")
	return cmd
}

func (c *registryListCommand) run(ctx context.Context) (present.Answer, error) {
	services, err := site.RowsOf(c.configDir, c.service)
	if err != nil {
		return present.Answer{}, err
	}
	config, err := site.LoadConfig(c.configDir)
	if err != nil {
		return present.Answer{}, err
	}
	far := site.NewRemote(config.RegistryHost, config.Hosts[config.RegistryHost], c.version)
	defer func() { _ = far.Close() }()
	return present.Shelves(inventory.Shelves(ctx, inventory.ListerOf(ctx, far), services)).UnlessStopped(ctx), nil
}
