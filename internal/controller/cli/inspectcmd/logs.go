package inspectcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// mostLines is what --lines may ask for; a target bounds the bytes besides.
const mostLines = 10_000

type logsCommand struct {
	*command.App
	service string
	env     artifact.Env
	lines   int
}

// NewLogs returns the command logs.
func NewLogs(a *command.App) *cobra.Command {
	c := &logsCommand{App: a}
	cmd := &cobra.Command{
		Use: "logs --service NAME [--env ENV] [--lines N]", Short: "Show the last lines of a service's output, without secrets",
		Example: "  unidesk-controller logs --service frontend --lines 50",
		Args:    cobra.NoArgs, RunE: a.Runs(c),
	}
	command.ServiceFlags(cmd, &c.service, &c.env)
	cmd.Flags().IntVar(&c.lines, "lines", 100, "how many lines")
	return cmd
}

func (c *logsCommand) Run(ctx context.Context) (present.Answer, error) {
	if c.lines < 1 || c.lines > mostLines {
		return present.Answer{}, fault.New(fault.Usage, "--lines %d: it is 1 to %d", c.lines, mostLines)
	}
	at, err := c.Place(c.service, c.env)
	if err != nil {
		return present.Answer{}, err
	}
	defer at.Close()
	in, lines, err := at.Logs(ctx, c.lines)
	if err != nil {
		return present.Answer{}, err
	}
	return present.Logs(present.Tailed{
		OK: true, Service: at.Row.Service, Env: at.Env, Host: at.Host, Container: in.Name, Runs: in.Running, Lines: append([]string{}, lines...),
	}), nil
}
