package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type hostPlacementCommand struct {
	*app
	host string
}

func (a *app) hostPlacement() *cobra.Command {
	c := &hostPlacementCommand{app: a}
	return &cobra.Command{
		Use:   "placement NAME",
		Short: "Print what a host's agent.yaml must say about the catalog's services",
		Long: `placement prints the section "projects" of a host's agent.yaml as the catalog has
it: for each service its container, image, key prefix, secrets and health question.
Root, files and envFile of a project are the host's own and are left to fill in.
Nothing is contacted; "unidesk-controller doctor" compares it with what the host has.`,
		Example: "  unidesk-controller host placement D601",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.completeHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.host = args[0]
			return a.do(cmd.Context(), c)
		},
	}
}

func (c *hostPlacementCommand) run(context.Context) (present.Answer, error) {
	config, err := site.LoadConfig(c.configDir)
	if err != nil {
		return present.Answer{}, err
	}
	services, err := site.LoadCatalog(c.configDir)
	if err != nil {
		return present.Answer{}, err
	}
	section, err := config.Placement(services, c.host)
	if err != nil {
		return present.Answer{}, err
	}
	return present.Text(section), nil
}
