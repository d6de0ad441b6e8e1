package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
)

// The command takes each line that its help text shows.
func TestEachCommandShowsALineToType(t *testing.T) {
	t.Parallel()
	lines := 0
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			look(sub)
		}
		if cmd.HasSubCommands() && cmd.Name() != "history" || cmd.IsAdditionalHelpTopicCommand() {
			return
		}
		if !strings.HasPrefix(cmd.Example, "  "+cmd.CommandPath()) {
			t.Errorf("%s shows %q", cmd.CommandPath(), cmd.Example)
		}
		for line := range strings.Lines(cmd.Example) {
			lines++
			words, _, _ := strings.Cut(strings.TrimSpace(line), " > ")
			fresh := root(command.New(nil, Streams{}, "test", nil)) // this root has read no line
			found, rest, err := fresh.Find(strings.Fields(words)[1:])
			if err != nil || found.CommandPath() != cmd.CommandPath() {
				t.Errorf("%q is no line of %s: %v", line, cmd.CommandPath(), err)
				continue
			}
			if err := errors.Join(found.ParseFlags(rest), found.ValidateArgs(found.Flags().Args()), refuse.MissingFlags(found)); err != nil {
				t.Errorf("%q is refused: %v", line, err)
			}
		}
	}
	look(root(command.New(nil, Streams{}, "test", nil)))
	if lines < 25 {
		t.Errorf("only %d lines are shown", lines)
	}
}

// The help of the program names each command that looks before it acts, and how it is made to act.
func TestTheHelpNamesWhatActsAtOnce(t *testing.T) {
	t.Parallel()
	program := root(command.New(nil, Streams{}, "test", nil))
	help := strings.Join(strings.Fields(program.Long), " ")
	asked, _, _ := strings.Cut(help, "act with --run-now")
	_, rest, _ := strings.Cut(help, "only look without it. ")
	atOnce, _, _ := strings.Cut(rest, "only look with --dry-run")
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			look(sub)
		}
		words := strings.TrimPrefix(cmd.CommandPath(), program.Name()+" ")
		switch {
		case cmd.Flags().Lookup("run-now") != nil:
			if !strings.Contains(asked, cmd.Name()) {
				t.Errorf("%s acts with --run-now, and the help has %q", words, asked)
			}
		case cmd.Flags().Lookup("dry-run") != nil:
			if !strings.Contains(atOnce, words) {
				t.Errorf("%s acts without --dry-run, and the help has %q", words, atOnce)
			}
		}
	}
	look(program)
}
