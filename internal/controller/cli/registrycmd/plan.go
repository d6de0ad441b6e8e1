package registrycmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/registryanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type planCommand struct{ *command.App }

func newPlan(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "plan", Short: "Print the registry's boundary, paths and flow",
		Example: "  unidesk-controller artifact-registry plan", Args: cobra.NoArgs, RunE: a.Runs(planCommand{a}),
	}
}

func (c planCommand) Run(context.Context) (present.Answer, error) {
	config, from, err := site.Declared(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	return registryanswer.Plan(inventory.NewRegistryPlan(config, from)), nil
}
