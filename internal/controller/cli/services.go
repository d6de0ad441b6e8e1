package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

type servicesCommand struct {
	*app
	name string // "" is all
}

func (a *app) services() *cobra.Command {
	return &cobra.Command{
		Use: "services [NAME]", Short: "List the services of the catalog: where they run, how far they may go; with NAME one of them whole, and why",
		Example: `  unidesk-controller services
  unidesk-controller services frontend`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.complete().Services,
		RunE: func(cmd *cobra.Command, args []string) error {
			c := servicesCommand{app: a}
			if len(args) > 0 {
				c.name = args[0]
			}
			return a.do(cmd.Context(), c)
		},
	}
}

func (c servicesCommand) run(context.Context) (present.Answer, error) {
	list, err := inventory.Services(c.configDir, c.name)
	if err != nil {
		return present.Answer{}, err
	}
	if c.name != "" {
		return present.Service(list[0]), nil
	}
	return present.Services(list), nil
}
