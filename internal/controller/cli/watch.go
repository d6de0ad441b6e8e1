package cli

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

// watch is to the master what an agent is to its host: when a run is killed and
// nobody comes, its switch is taken back at the deadline. The package's unit runs it.
func (a *app) watch() *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Take back what nobody settled on this machine, at its deadline; runs until it is stopped", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.wireDefault()
			if err != nil {
				return err
			}
			defer w.Close()
			lock := site.WatchLock(w.Config)
			defer func() { _ = lock.Close() }()
			if err := site.TakeWatch(lock); err != nil {
				return err
			}
			journal := slog.New(slog.NewTextHandler(a.Err, nil))
			journal.Info("watching", slog.String("changes", w.Config.ChangesDir()))
			context.AfterFunc(cmd.Context(), func() { journal.Info("stopping: what was begun is ended first") })
			w.Watch(cmd.Context(), journal)
			return nil
		},
	}
}
