package cli

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

func (a *app) rollback() *cobra.Command {
	var service, env string
	cmd := &cobra.Command{
		Use: "rollback --service NAME [--env ENV]", Short: "List what a service can go back to, and the command for each",
		Long: `rollback lists the commits that were proven, newest first, with what is left of
each, and prints the command that goes back to it. It executes nothing.
Exit code 0: there is a candidate, 1: there is none.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := a.place(service, env)
			if err != nil {
				return err
			}
			defer at.Close()
			r, err := inventory.FindCandidates(cmd.Context(), at)
			if err != nil {
				return err
			}
			a.exitIncomplete(cmd.Context(), !r.OK)
			if a.format == "json" {
				return a.json(r)
			}
			return present.PrintRollback(a.Out, r)
		},
	}
	serviceFlags(cmd, &service, &env)
	return cmd
}
