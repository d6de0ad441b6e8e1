package controller

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
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
			unlock, err := takeWatch(w.config)
			if err != nil {
				return err
			}
			defer unlock()
			journal := slog.New(slog.NewTextHandler(a.Err, nil))
			journal.Info("watching", slog.String("changes", w.config.changesDir()))
			context.AfterFunc(cmd.Context(), func() { journal.Info("stopping: what was begun is ended first") })
			w.watch(cmd.Context(), journal)
			return nil
		},
	}
}

// watchLock is the file of the lock that the watching process has.
func watchLock(c Config) string { return filepath.Join(c.State, "watch.lock") }

func takeWatch(c Config) (unlock func(), err error) {
	broken := func(err error) error { return statefile.Fault(fault.Internal, c.State, "watch", err) }
	if err := statefile.Folder(c.State, 0o750); err != nil {
		return nil, broken(err)
	}
	lock, err := statefile.OpenLock(watchLock(c), 0o640)
	if err != nil {
		return nil, broken(err)
	}
	// A process that asks whether one watches has the lock for a moment.
	wait, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	switch err := lock.Wait(wait); {
	case errors.Is(err, context.DeadlineExceeded):
		_ = lock.Close()
		return nil, fault.Transient(fault.Locked, "another process watches already").WithHint("`lslocks | grep watch.lock` names it")
	case err != nil:
		_ = lock.Close()
		return nil, broken(err)
	}
	return func() { _ = lock.Unlock() }, nil
}

// watchHeld reports whether a process watches now.
func watchHeld(c Config) (bool, error) { return statefile.Held(watchLock(c)) }
