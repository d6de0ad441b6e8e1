package refuse

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
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

// Defaults has cobra's own commands, help and completion, refuse a wrong word as the others
// do. It adds them, so the root has its streams already.
func Defaults(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Run, cmd.RunE = nil, help
			cmd.Example = "  " + cmd.CommandPath() + "\n  " + cmd.CommandPath() + " completion"
		case "completion":
			cmd.Args = cobra.ArbitraryArgs // Group refuses each
			Group(cmd)
			for _, shell := range cmd.Commands() {
				shell.Example = "  " + shell.CommandPath() + " > FILE"
			}
		}
	}
}

func help(cmd *cobra.Command, words []string) error {
	found, rest, err := cmd.Root().Find(words)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return noCommand(found, rest[0])
	}
	return found.Help()
}

// noCommand refuses a word that is none of a command's own. It names those below cmd that the
// word is near to, or else those elsewhere, or else all below cmd.
func noCommand(cmd *cobra.Command, word string) error {
	refused := fault.New(fault.Usage, "unknown command %q", strings.TrimSpace(path(cmd)+" "+word))
	own, all := available(cmd.Commands()), everywhere(cmd.Root())
	found := near(own, word)
	if len(found) == 0 {
		found = near(all, word)
	}
	if len(found) == 0 {
		if len(own) == 0 {
			return usage(cmd, fault.New(fault.Usage, "%s does not take %q", cmd.CommandPath(), word))
		}
		return refused.WithHint("it has: %s", strings.Join(names(own), ", "))
	}
	var paths []string
	for _, c := range found {
		paths = append(paths, path(c))
	}
	err := fault.New(fault.Usage, "%w; did you mean %s?", refused, strings.Join(paths, " or "))
	if len(found) == 1 {
		return usage(found[0], err)
	}
	return err
}

// near are the commands that the word is near to.
func near(among []*cobra.Command, word string) (found []*cobra.Command) {
	like := plain.Near(word, names(among))
	for _, c := range among {
		if slices.Contains(like, c.Name()) {
			found = append(found, c)
		}
	}
	return found
}

func names(list []*cobra.Command) (names []string) {
	for _, c := range list {
		names = append(names, c.Name())
	}
	return names
}

// path is what is typed behind the program's name to reach the command.
func path(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()), " ")
}

func available(list []*cobra.Command) (shown []*cobra.Command) {
	for _, c := range list {
		if c.IsAvailableCommand() {
			shown = append(shown, c)
		}
	}
	return shown
}

// everywhere are the commands below cmd at any depth.
func everywhere(cmd *cobra.Command) (all []*cobra.Command) {
	for _, c := range available(cmd.Commands()) {
		all = append(append(all, c), everywhere(c)...)
	}
	return all
}
