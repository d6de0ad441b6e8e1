package inspectcmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// watchEvery is the pause between two looks of status -w.
const watchEvery = 2 * time.Second

type statusCommand struct {
	*command.App
	service string
	env     artifact.Env
	watch   bool
}

// NewStatus returns the command status.
func NewStatus(a *command.App) *cobra.Command {
	c := &statusCommand{App: a}
	cmd := &cobra.Command{
		Use: "status [SERVICE]", Short: "Show what is live where, and what goes on",
		Long: `status shows each service that is live: the commit that runs, how that stands to
what was proven last, since when, and who deployed it. Above are the hosts, the
registry, the deploys that go on and those that were interrupted. It asks each
host once and changes nothing; it asks no service for its health, which verify
does.

Exit codes: 0 all runs as it was proven, 4 something does not, 1 a question had
no answer.`,
		Example: `  unidesk-controller status
  unidesk-controller status frontend --env prod -w`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.Complete().Services,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if c.service != "" && c.service != args[0] {
					return fault.New(fault.Usage, "SERVICE and --service name two services: give either")
				}
				c.service = args[0]
			}
			return a.Do(cmd.Context(), c)
		},
	}
	command.EnvFlag(cmd, &c.env, "only this `environment`")
	cmd.Flags().StringVar(&c.service, "service", "", "the same as SERVICE")
	cmd.Flags().BoolVarP(&c.watch, "watch", "w", false, "look again every 2 seconds, until it is stopped")
	return cmd
}

func (c *statusCommand) Run(ctx context.Context) (present.Answer, error) {
	rows, err := site.RowsOf(c.ConfigDir, c.service)
	if err != nil {
		return present.Answer{}, err
	}
	w, err := c.WireDefault(site.Reading)
	if err != nil {
		return present.Answer{}, err
	}
	defer w.Close()
	q := overview.Question{Wired: w.Wired, Rows: rows, Env: c.env}
	if !c.watch {
		c.Remind(w.Config)
		return present.Status(overview.Ask(ctx, q)).UnlessStopped(ctx), nil
	}
	live := present.NewLive(c.Out, c.Format)
	every := time.NewTicker(watchEvery)
	defer every.Stop()
	for {
		s := overview.Ask(ctx, q)
		if ctx.Err() != nil {
			return present.Nothing(), nil
		}
		if err := live.Print(present.Status(s)); err != nil {
			return present.Answer{}, err
		}
		select {
		case <-ctx.Done():
			return present.Nothing(), nil
		case <-every.C:
		}
	}
}
