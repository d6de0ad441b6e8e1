package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

func (a *app) registryList() *cobra.Command {
	var service string
	cmd := &cobra.Command{
		Use: "list", Short: "List what the registry holds of each service, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			services, err := site.RowsOf(a.configDir, service)
			if err != nil {
				return err
			}
			c, err := site.LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			far := site.NewRemote(c.Hosts[c.RegistryHost], a.version)
			defer func() { _ = far.Close() }()
			ctx := cmd.Context()
			list := inventory.Shelves(ctx, inventory.ListerOf(ctx, far), services)
			a.exitIncomplete(ctx, len(inventory.Failures(list)) > 0)
			if a.format == "json" {
				return a.json(struct {
					OK       bool              `json:"ok"`
					Services []inventory.Shelf `json:"services"`
				}{a.code == present.ExitOK, list})
			}
			return present.PrintShelves(a.Out, list, time.Now())
		},
	}
	cmd.Flags().StringVar(&service, "service", "", "only this service")
	return cmd
}
