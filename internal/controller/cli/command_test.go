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
