package deploycmd

import (
	"context"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

// watchCommand is to the master what an agent is to its host. It takes back a killed run's
// switch at the deadline, if no process settles it before. The package's unit runs it.
type watchCommand struct{ *command.App }

// NewWatch returns the command watch.
func NewWatch(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Daemon: revert unconfirmed deploys here at their deadline",
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
	journal := slog.New(slog.NewTextHandler(c.Err, nil))
	journal.Info("watching", slog.String("changes", w.Config.ChangesDir()))
	context.AfterFunc(ctx, func() { journal.Info("stopping: what was begun is ended first") })
	var missed sync.WaitGroup
	missed.Go(func() { w.Config.SendMissed(ctx, journal) })
	w.Watch(ctx, journal)
	missed.Wait()
	return present.Nothing(), nil
}
