package setupcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/setupanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type versionCommand struct {
	*command.App
	hosts bool
}

// NewVersion returns the command version.
func NewVersion(a *command.App) *cobra.Command {
	c := &versionCommand{App: a}
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version, the commit and the Go version",
		Example: `  unidesk-controller version -o json
  unidesk-controller version --hosts`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	cmd.Flags().BoolVar(&c.hosts, "hosts", false, "ask each host for the version of its agent")
	return cmd
}

func (c *versionCommand) Run(ctx context.Context) (present.Answer, error) {
	if !c.hosts {
		return setupanswer.Version(c.Build()), nil
	}
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	return setupanswer.VersionOfAll(c.Build(), site.AskAll(ctx, c.Version, config)).UnlessStopped(ctx), nil
}
