package setupcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/setupanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

// NewConfig returns the command config.
func NewConfig(a *command.App) *cobra.Command {
	return refuse.Group(&cobra.Command{Use: "config", Short: "The configuration of this machine"}, &cobra.Command{
		Use: "view", Short: "Print controller.yaml with all defaults",
		Long: `view prints the configuration that the other commands go by: controller.yaml,
and the default of each key that it leaves out. What may be secret is masked. It
contacts nothing.`,
		Example: "  unidesk-controller config view",
		Args:    cobra.NoArgs, RunE: a.Runs(configViewCommand{a}),
	})
}

type configViewCommand struct{ *command.App }

func (c configViewCommand) Run(context.Context) (present.Answer, error) {
	config, from, err := site.Declared(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	return setupanswer.Configured(config, from)
}
