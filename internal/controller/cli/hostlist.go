package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

func (a *app) hostList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Ask every host's agent at the same time what it is and can do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := site.LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			list := site.AskAll(cmd.Context(), a.version, c)
			a.exitIncomplete(cmd.Context(), slices.ContainsFunc(list, func(row site.HostRow) bool { return !row.Reachable }))
			if a.format == "json" {
				return a.json(list)
			}
			return present.PrintHosts(a.Out, list)
		},
	}
}
