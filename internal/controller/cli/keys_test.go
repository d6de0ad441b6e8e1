package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/schema"
)

func TestThePageNamesEachWordForPeople(t *testing.T) {
	t.Parallel()
	page := string(must(os.ReadFile("../../../docs/output.md")))
	for _, word := range []string{inventory.InRegistry, inventory.MovedThere, inventory.GoneThere, inventory.UnknownThere, string(doctor.LevelOK), string(doctor.LevelWarning), string(doctor.LevelFault)} {
		if !strings.Contains(page, "`"+word+"`") {
			t.Errorf("docs/output.md does not name %q", word)
		}
	}
}

// Each command has a schema but those that print no JSON, and each schema has a command.
func TestEachCommandHasASchema(t *testing.T) {
	t.Parallel()
	var commands []string
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			look(sub)
		}
		_, words, _ := strings.Cut(cmd.CommandPath(), " ")
		group := cmd.HasSubCommands() && words != "history"
		if silent := slices.Contains([]string{"watch", "page", "help"}, words) || strings.HasPrefix(words, "completion"); !silent && !group && !cmd.IsAdditionalHelpTopicCommand() {
			commands = append(commands, words)
		}
	}
	look(Command())
	slices.Sort(commands)
	if known := schema.Commands(); !slices.Equal(known, commands) {
		t.Errorf("the commands are\n%q, those with a schema\n%q", commands, known)
	}
}
