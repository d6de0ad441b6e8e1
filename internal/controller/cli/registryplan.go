package cli

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

func (a *app) registryPlan() *cobra.Command {
	return &cobra.Command{
		Use: "plan", Short: "Print the registry's boundary, dependencies, paths and the flow of an artifact", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, from, err := site.Declared(a.configDir)
			if err != nil {
				return err
			}
			r := inventory.NewRegistryPlan(c, from)
			if a.format == "json" {
				return a.json(r)
			}
			return present.PrintRegistryPlan(a.Out, r)
		},
	}
}
