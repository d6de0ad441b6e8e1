package registrycmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type listCommand struct {
	*command.App
	service string // "" is all
}

func newList(a *command.App) *cobra.Command {
	c := &listCommand{App: a}
	cmd := &cobra.Command{
		Use: "list", Short: "List what the registry holds of each service, newest first",
		Example: `  unidesk-controller artifact-registry list
  unidesk-controller artifact-registry list --service frontend`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	cmd.Flags().StringVar(&c.service, "service", "", "only this service")
	return cmd
}

func (c *listCommand) Run(ctx context.Context) (present.Answer, error) {
	services, err := site.RowsOf(c.ConfigDir, c.service)
	if err != nil {
		return present.Answer{}, err
	}
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	far := site.NewRemote(config.RegistryHost, config.Hosts[config.RegistryHost], c.Version)
	defer func() { _ = far.Close() }()
	list := inventory.Shelves(ctx, inventory.ListerOf(ctx, far), services)
	if err := inventory.Know(ctx, config, services, list); err != nil {
		terminal.Note(c.Err, "how the commits stand is not known: "+err.Error())
	}
	return present.Shelves(list).UnlessStopped(ctx), nil
}
