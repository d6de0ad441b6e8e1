package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type registryPlanCommand struct{ *app }

func (a *app) registryPlan() *cobra.Command {
	return &cobra.Command{
		Use: "plan", Short: "Print the registry's boundary, dependencies, paths and the flow of an artifact",
		Example: "  unidesk-controller artifact-registry plan", Args: cobra.NoArgs, RunE: a.runs(registryPlanCommand{a}),
	}
}

func (c registryPlanCommand) run(context.Context) (present.Answer, error) {
	config, from, err := site.Declared(c.configDir)
	if err != nil {
		return present.Answer{}, err
	}
	return present.RegistryPlan(inventory.NewRegistryPlan(config, from)), nil
}
