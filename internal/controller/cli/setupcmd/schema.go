package setupcmd

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/schema"
)

type schemaCommand struct {
	*command.App
	of string // "" is all
}

// NewSchema returns the command schema.
func NewSchema(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "schema [COMMAND]", Short: "Print the JSON Schema of what a command prints with -o json",
		Long: `schema prints the JSON Schema (draft 2020-12) of what a command prints with
-o json. Without a COMMAND it lists the commands that print JSON. It reads no
configuration and contacts nothing.`,
		Example: `  unidesk-controller schema
  unidesk-controller schema artifact-registry list`,
		Args: cobra.ArbitraryArgs, ValidArgsFunction: nextWords,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.Do(cmd.Context(), schemaCommand{a, strings.Join(args, " ")})
		},
	}
}

func (c schemaCommand) Run(context.Context) (present.Answer, error) {
	if c.of == "" {
		return schema.All(), nil
	}
	return schema.Answer(c.of)
}

// nextWords completes the words of a command.
func nextWords(_ *cobra.Command, args []string, _ string) (words []cobra.Completion, _ cobra.ShellCompDirective) {
	for _, one := range schema.Commands() {
		all := strings.Fields(one)
		if len(all) > len(args) && slices.Equal(all[:len(args)], args) && !slices.Contains(words, all[len(args)]) {
			words = append(words, all[len(args)])
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}
