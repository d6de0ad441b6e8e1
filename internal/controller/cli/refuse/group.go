package refuse

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Group makes a command of others refuse a word that is none of them: cobra would
// print the help and be content, and a script that asks for its "healt" would take
// that for a good answer.
func Group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(commands...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return noCommand(cmd, args[0])
	}
	return cmd
}

// noCommand refuses a word that is none of a command's own, and names those that
// are like it, or else all.
func noCommand(cmd *cobra.Command, word string) error {
	below := func(name string) string {
		return strings.TrimPrefix(cmd.CommandPath()+" "+name, cmd.Root().Name()+" ")
	}
	cmd.SuggestionsMinimumDistance = 2 // cobra's own default
	near := cmd.SuggestionsFor(word)
	if len(near) == 0 {
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		return fault.New(fault.Usage, "unknown command %q", below(word)).WithHint("it has: %s", strings.Join(names, ", "))
	}
	for i, name := range near {
		near[i] = below(name)
	}
	err := fault.New(fault.Usage, "unknown command %q; did you mean %s?", below(word), strings.Join(near, " or "))
	if found, _, failed := cmd.Root().Find(strings.Fields(near[0])); failed == nil && len(near) == 1 {
		return usage(found, err)
	}
	return err
}
