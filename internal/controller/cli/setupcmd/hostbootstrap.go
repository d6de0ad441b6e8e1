package setupcmd

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/setupanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

type hostBootstrapCommand struct {
	*command.App
	host   string
	agent  string // the binary's file
	role   rpc.Role
	dryRun bool
}

func newHostBootstrap(a *command.App) *cobra.Command {
	c := &hostBootstrapCommand{App: a}
	cmd := &cobra.Command{
		Use:   "bootstrap NAME [--dry-run] [--role ROLE] [--agent FILE]",
		Short: "Install or upgrade the agent on a host over ssh and sudo",
		Long: `bootstrap puts the agent on a host that has nothing but ssh and sudo without a
password (or root's own login): binary, units, group, and a first agent.yaml
that is never overwritten, with a role for the account that ssh lands in; on a
node of k3s that the catalog has services on, the rights of "host placement
--rbac" and a first token, too. A second run changes nothing. The agent that was
there comes back if the new agent does not answer.`,
		Example: `  unidesk-controller host bootstrap D601 --dry-run
  unidesk-controller host bootstrap D601`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.Complete().Hosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.host = args[0]
			return a.Do(cmd.Context(), c)
		},
	}
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "look, say what would change, and change nothing")
	cmd.Flags().StringVar(&c.agent, "agent", "", "the agent's binary (default: the one beside this program, or of its package)")
	cmd.Flags().Func("role", "what the account that ssh lands in may do, by the first agent.yaml: read, operate (it deploys), or admin, which is as good as root (default: admin)",
		func(s string) (err error) { c.role, err = bootstrap.ParseRole(s); return err })
	return cmd
}

func (c *hostBootstrapCommand) Run(ctx context.Context) (present.Answer, error) {
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	host, err := config.HostNamed(c.host)
	if err != nil {
		return present.Answer{}, err
	}
	services, err := site.LoadCatalog(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	first, err := config.FirstConfig(services, c.host)
	if err != nil {
		return present.Answer{}, err
	}
	first.Role = c.role
	self, err := os.Executable()
	if err != nil {
		return present.Answer{}, err
	}
	progress := c.Progress()
	defer progress.Close()
	r := bootstrap.Host{
		Say:   progress.Step,
		Shell: site.HostShell(host),
		Ask: func(ctx context.Context) (rpc.Description, error) {
			d, _, _, err := site.Describe(ctx, c.Version, c.host, host)
			return d, err
		},
		Binary: func(uname string) (bootstrap.Binary, error) { return bootstrap.FindBinary(c.agent, self, uname) },
		Config: first, Cluster: config.ClusterObjects(services, c.host),
		Local: host.Socket != "",
	}.Run(ctx, c.dryRun)
	return setupanswer.Bootstrapped(c.host, c.Version, r).UnlessStopped(ctx), nil
}
