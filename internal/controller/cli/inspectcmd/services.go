package inspectcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

type servicesCommand struct {
	*command.App
	name string // "" is all
}

// NewServices returns the command services.
func NewServices(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "services [NAME]", Short: "List the services of the catalog, or print a service whole",
		Example: `  unidesk-controller services
  unidesk-controller services frontend`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.Complete().Services,
		RunE: func(cmd *cobra.Command, args []string) error {
			c := servicesCommand{App: a}
			if len(args) > 0 {
				c.name = args[0]
			}
			return a.Do(cmd.Context(), c)
		},
	}
}

func (c servicesCommand) Run(context.Context) (present.Answer, error) {
	list, err := inventory.Services(c.ConfigDir, c.name)
	if err != nil {
		return present.Answer{}, err
	}
	if c.name != "" {
		return present.Service(list[0]), nil
	}
	return present.Services(list), nil
}
