package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

func (a *app) host() *cobra.Command {
	cmd := &cobra.Command{Use: "host", Short: "List the hosts, put the agent on one, or print what one must place"}
	return refuse.Group(cmd, a.hostList(), a.hostBootstrap(), a.hostPlacement())
}

type hostListCommand struct{ *app }

func (a *app) hostList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Ask every host's agent at the same time what it is and can do",
		Example: "  unidesk-controller host list", Args: cobra.NoArgs, RunE: a.runs(hostListCommand{a}),
	}
}

func (c hostListCommand) run(ctx context.Context) (present.Answer, error) {
	config, err := site.LoadConfig(c.configDir)
	if err != nil {
		return present.Answer{}, err
	}
	return present.Hosts(site.AskAll(ctx, c.version, config)).UnlessStopped(ctx), nil
}
