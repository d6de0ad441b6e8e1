// Package setupcmd holds the commands that set an installation up and examine it: hosts and
// their agents, the catalog, this program itself and its reasons.
package setupcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/setupanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

// NewHost returns the command host, with list, bootstrap and placement below it.
func NewHost(a *command.App) *cobra.Command {
	cmd := &cobra.Command{Use: "host", Short: "List the hosts, install an agent, print its agent.yaml"}
	return refuse.Group(cmd, newHostList(a), newHostBootstrap(a), newHostPlacement(a))
}

type hostListCommand struct{ *command.App }

func newHostList(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Ask every host's agent at the same time what it is and can do",
		Example: "  unidesk-controller host list", Args: cobra.NoArgs, RunE: a.Runs(hostListCommand{a}),
	}
}

func (c hostListCommand) Run(ctx context.Context) (present.Answer, error) {
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	return setupanswer.Hosts(site.AskAll(ctx, c.Version, config)).UnlessStopped(ctx), nil
}
