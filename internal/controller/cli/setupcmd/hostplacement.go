package setupcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type hostPlacementCommand struct {
	*command.App
	host string
	rbac bool
}

func newHostPlacement(a *command.App) *cobra.Command {
	c := &hostPlacementCommand{App: a}
	cmd := &cobra.Command{
		Use:   "placement NAME",
		Short: "Print what a host's agent.yaml needs of the catalog",
		Long: `placement prints the sections "projects" and "kubernetes" of a host's agent.yaml
as the catalog has them: for each service its container, image, key prefix,
secrets and health question, or its Deployments. Root, files and envFile of a
project are the host's own and are left to fill in. With --rbac it prints, for
kubectl apply, the account that the host's agent has in its cluster and the
rights that these services need; comments have the lines that make the objects
which a deploy writes to. Nothing is contacted; "unidesk-controller doctor"
compares it with what the host has.`,
		Example: "  unidesk-controller host placement D601\n  unidesk-controller host placement D601 --rbac",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.Complete().Hosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.host = args[0]
			return a.Do(cmd.Context(), c)
		},
	}
	cmd.Flags().BoolVar(&c.rbac, "rbac", false, "print the manifest of the agent's rights in the host's cluster")
	return cmd
}

func (c *hostPlacementCommand) Run(context.Context) (present.Answer, error) {
	text, err := site.Placement(c.ConfigDir, c.host, c.rbac)
	file := "agent.yaml"
	if c.rbac {
		file = "rights.yaml"
	}
	return present.File(file, text), err
}
