package controller

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// grouped makes a command of others refuse a word that is none of them: cobra would
// print the help and be content, and a script that asks for its "healt" would take
// that for a good answer.
func grouped(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(commands...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		var names []string
		for _, c := range commands {
			names = append(names, c.Name())
		}
		return fault.New(fault.Usage, "%s has no command %q", cmd.CommandPath(), args[0]).WithHint("it has: %s", strings.Join(names, ", "))
	}
	return cmd
}
