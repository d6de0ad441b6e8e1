package deploycmd

import (
	"context"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/metrics"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/patrol"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/snapshot"
	"github.com/pikasTech/unidesk-artifact-cd/internal/daemonlog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
)

// watchCommand is to the master what an agent is to its host. It reverts a killed run's
// switch at the deadline, if no process settles it before. The package's unit runs it.
type watchCommand struct{ *command.App }

// NewWatch returns the command watch.
func NewWatch(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Daemon: revert unconfirmed deploys here at their deadline",
		Long: `watch reverts each change on this machine that no run confirms, at its
deadline, until it is stopped. Each minute it looks at the live services of this
machine, and of the other hosts if controller.yaml has watch.hosts, and reports
a drift. If the folder watch.page is there, it leaves there what the command
page shows. If controller.yaml names metrics.textfile, it writes there each
minute what the command metrics prints.`,
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
	patrol := c.patrol(w, logger)
	if folder := w.Config.Watch.Page; snapshot.Publishes(folder) {
		logger.Info("writing what the page shows", slog.String("folder", folder))
		p := &snapshot.Publisher{
			Folder: folder, Ledger: w.Parts.Ledger, Runs: journal.Open(w.Config.RunsDir()), Services: site.RowsIn(w.Parts.Catalog), Build: c.Build(),
			Config: w.Config.Folder, Log: logger,
		}
		again := make(chan struct{}, 1)
		patrol.Seen, patrol.Again = p.Write, again
		beside.Go(func() {
			p.Copy(ctx, func() {
				select {
				case again <- struct{}{}:
				default: // a look is due already
				}
			})
		})
	}
	beside.Go(func() { patrol.Run(ctx) })
	if file := w.Config.Metrics.Textfile; file != "" {
		logger.Info("writing metrics", slog.String("textfile", file))
		r := &metrics.Reader{Config: w.Config, Services: w.Parts.Catalog, Build: c.Build()}
		beside.Go(func() { r.Keep(ctx, logger) })
	}
	w.Watch(ctx, logger)
	return present.Nothing(), nil
}

// patrol returns what looks at the live services.
func (c watchCommand) patrol(w *command.Wired, logger *slog.Logger) *patrol.Patrol {
	question := overview.Question{Wired: w.Wired, Rows: site.RowsIn(w.Parts.Catalog)}
	if snapshot.Publishes(w.Config.Watch.Page) {
		question.Published = snapshot.Published
	}
	look := overview.Here
	if w.Config.Watch.Hosts {
		look = overview.Ask
	}
	return &patrol.Patrol{
		Look:   func(ctx context.Context) overview.Status { return look(ctx, question) },
		Status: func(sentence string) { daemonlog.Status(logger, sentence) },
		Send:   w.Config.SendDrift,
		Log:    logger,
	}
}
