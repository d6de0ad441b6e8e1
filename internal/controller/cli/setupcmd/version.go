package setupcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

type versionCommand struct{ *command.App }

// NewVersion returns the command version.
func NewVersion(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  unidesk-controller version -o json", Args: cobra.NoArgs,
		RunE: a.Runs(versionCommand{a}),
	}
}

func (c versionCommand) Run(context.Context) (present.Answer, error) {
	return present.Version(c.Version), nil
}
