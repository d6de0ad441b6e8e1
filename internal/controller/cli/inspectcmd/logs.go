package inspectcmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// mostLines is what --lines may ask for; a target bounds the bytes besides.
const mostLines = 10_000

type logsCommand struct {
	*command.App
	service string
	env     artifact.Env
	lines   int
	since   string
	run     string
	follow  bool
}

// NewLogs returns the command logs.
func NewLogs(a *command.App) *cobra.Command {
	c := &logsCommand{App: a}
	cmd := &cobra.Command{
		Use: "logs --service NAME [--env ENV] [--lines N] [--since TIME] [--follow] | --run ID [--follow]", Short: "Show the last lines of a service's output, or what a run did",
		Long: `logs shows the last lines of a service's container, without secrets; --follow
goes on with what it prints then, also when a deploy replaces the container.
With --run it shows what a run did, by its journal; history --all lists the
runs.`,
		Example: `  unidesk-controller logs --service frontend --lines 50
  unidesk-controller logs --service frontend --since 10m --follow
  unidesk-controller logs --run 20260102T030405Z-0123abcd --follow`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	cmd.Flags().StringVar(&c.service, "service", "", "service of the catalog")
	command.EnvFlag(cmd, &c.env, "environment, `dev|prod` (default prod)")
	cmd.Flags().IntVar(&c.lines, "lines", 100, "how many lines")
	cmd.Flags().StringVar(&c.since, "since", "", "only what the container printed since then: `TIME` is 30m, 12h, 7d, 2026-01-31 (UTC) or 2026-01-31T12:00:00Z")
	cmd.Flags().StringVar(&c.run, "run", "", "the `ID` of a run, instead of a service")
	cmd.Flags().BoolVarP(&c.follow, "follow", "f", false, "print the lines as they come: of a run until it ends, of a service until you stop it")
	refuse.NeedEither(cmd, "service", "run")
	return cmd
}

func (c *logsCommand) Run(ctx context.Context) (present.Answer, error) {
	if c.lines < 1 || c.lines > mostLines {
		return present.Answer{}, fault.New(fault.Usage, "--lines %d: it is 1 to %d", c.lines, mostLines)
	}
	after, err := since(c.since, time.Now())
	if err != nil {
		return present.Answer{}, err
	}
	if c.run != "" {
		if c.since != "" {
			return present.Answer{}, fault.New(fault.Usage, "--since wants --service: the lines of a run are shown from its beginning")
		}
		return c.ofRun(ctx)
	}
	if c.follow && after.IsZero() {
		after = workload.Always()
	}
	at, err := c.Place(c.service, c.env)
	if err != nil {
		return present.Answer{}, err
	}
	defer at.Close()
	in, out, err := at.Logs(ctx, workload.Tail{Lines: c.lines, After: after})
	if err != nil {
		return present.Answer{}, err
	}
	if c.follow {
		printed := func(in workload.Instance, lines []string) error {
			return present.PrintOutput(c.Out, c.Format, in.Name, lines)
		}
		if err = printed(in, out.Lines); err == nil {
			err = at.Follow(ctx, in, out, printed)
		}
		return present.Nothing(), err
	}
	return present.Logs(present.Tailed{
		OK: true, Service: at.Row.Service, Env: at.Env, Host: at.Host, Container: in.Name, Runs: in.Running, Lines: append([]string{}, out.Lines...),
	}), nil
}

// ofRun answers with the journal of a run. With --follow it prints each line as it comes: in
// JSON as the journal has it, a line each.
func (c *logsCommand) ofRun(ctx context.Context) (present.Answer, error) {
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	runs := journal.Open(config.RunsDir())
	if !c.follow {
		run, lines, err := runs.Lines(c.run)
		return present.Run(run, lines), err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	run, err := runs.Follow(ctx, c.run, func(l journal.Line) {
		if err := c.print(l); err != nil { // the reader is gone
			cancel(err)
		}
	})
	if err != nil {
		return present.Answer{}, err
	}
	if c.Format != present.JSON {
		err = present.PrintKilled(c.Out, run)
	}
	return present.Nothing(), err
}

func (c *logsCommand) print(l journal.Line) error {
	if c.Format != present.JSON {
		return present.PrintLine(c.Out, l)
	}
	text, err := l.Encode()
	if err == nil {
		_, err = c.Out.Write(text)
	}
	return err
}
