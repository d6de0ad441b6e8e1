package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

func (a *app) hostBootstrap() *cobra.Command {
	var dryRun bool
	var agent string
	cmd := &cobra.Command{
		Use:   "bootstrap NAME [--dry-run] [--agent FILE]",
		Short: "Put the agent on a host over ssh and sudo, or a newer one in its place",
		Long: `bootstrap puts the agent on a host that has nothing but ssh and sudo without a
password (or root's own login): binary, units, group, and a first agent.yaml that
is never overwritten. A second run changes nothing. The agent that was there comes
back when the new one does not answer.`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := site.LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			host, err := c.HostNamed(args[0])
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return err
			}
			r := bootstrap.Host{
				Shell: site.HostShell(host),
				Ask: func(ctx context.Context) (rpc.Description, error) {
					d, _, _, err := site.Describe(ctx, a.version, host)
					return d, err
				},
				Binary: func(uname string) (bootstrap.Binary, error) { return bootstrap.FindBinary(agent, self, uname) },
				Config: c.FirstConfig(args[0]),
				Local:  host.Socket != "",
			}.Run(cmd.Context(), dryRun)
			switch {
			case r.OK:
			case cmd.Context().Err() != nil:
				a.code = present.ExitInterrupted
			case r.Decision == bootstrap.Blocked:
				a.code = present.ExitBlocked
			default:
				a.code = present.ExitFailed
			}
			if a.format == "json" {
				return a.json(struct {
					Host string `json:"host"`
					bootstrap.Result
				}{args[0], r})
			}
			return present.PrintBootstrap(a.Out, args[0], a.version, r)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "look, say what would change, and change nothing")
	cmd.Flags().StringVar(&agent, "agent", "", "the agent's binary (default: the one beside this program, or of its package)")
	return cmd
}
