package deploycmd

import (
	"context"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/metrics"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/patrol"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/daemonlog"
)

// watchCommand is to the master what an agent is to its host. It takes back a killed run's
// switch at the deadline, if no process settles it before. The package's unit runs it.
type watchCommand struct{ *command.App }

// NewWatch returns the command watch.
func NewWatch(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Daemon: revert unconfirmed deploys here at their deadline",
		Long: `watch takes back each change on this machine that no run settles, at its
deadline, until it is stopped. Each minute it looks at the live services of this
machine, and reports a drift. If controller.yaml names metrics.textfile, it also
writes there each minute what the command metrics prints.`,
		Example: "  unidesk-controller watch", Args: cobra.NoArgs, RunE: a.Runs(watchCommand{a}),
	}
}

func (c watchCommand) Run(ctx context.Context) (present.Answer, error) {
	c.HideProgress() // its log has the same
	w, err := c.WireDefault(site.Acting)
	if err != nil {
		return present.Answer{}, err
	}
	defer w.Close()
	unlock, err := site.TakeWatch(w.Config)
	if err != nil {
		return present.Answer{}, err
	}
	defer unlock()
	logger := c.Log()
	c.UnsentGo(func(err error) { logger.Error("a notice", slog.Any("err", err)) })
	logger.Info("watching", slog.String("changes", w.Config.ChangesDir()))
	context.AfterFunc(ctx, func() { logger.Info("stopping: what was begun is ended first") })
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { daemonlog.Supervise(ctx, logger) })
	beside.Go(func() { w.Config.SendMissed(ctx, logger) })
	beside.Go(func() { c.patrol(w, logger).Run(ctx) })
	if file := w.Config.Metrics.Textfile; file != "" {
		logger.Info("writing metrics", slog.String("textfile", file))
		r := &metrics.Reader{Config: w.Config, Services: w.Parts.Catalog, Build: c.Build()}
		beside.Go(func() { r.Keep(ctx, logger) })
	}
	w.Watch(ctx, logger)
	return present.Nothing(), nil
}

// patrol returns what looks at the live services of this machine.
func (c watchCommand) patrol(w *command.Wired, logger *slog.Logger) *patrol.Patrol {
	question := overview.Question{Wired: w.Wired, Rows: site.RowsIn(w.Parts.Catalog)}
	return &patrol.Patrol{
		Look:   func(ctx context.Context) ([]overview.Live, []inventory.Unasked) { return overview.Here(ctx, question) },
		Status: func(sentence string) { daemonlog.Status(logger, sentence) },
		Send:   w.Config.SendDrift,
		Log:    logger,
	}
}
