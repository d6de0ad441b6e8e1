package controller

import (
	"slices"

	"github.com/spf13/cobra"
)

func (a *app) hostList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Ask every host's agent at the same time what it is and can do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			list := askAll(cmd.Context(), a.version, c)
			a.partly(cmd.Context(), slices.ContainsFunc(list, func(row hostRow) bool { return !row.Reachable }))
			if a.format == "json" {
				return a.json(list)
			}
			return printHosts(a.Out, list)
		},
	}
}
