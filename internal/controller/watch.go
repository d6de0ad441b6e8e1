package controller

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/inherit"
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
			lock := watchLock(w.config)
			defer func() { _ = lock.Close() }()
			if err := takeWatch(lock); err != nil {
				return err
			}
			journal := slog.New(slog.NewTextHandler(a.Err, nil))
			journal.Info("watching", slog.String("changes", w.config.changesDir()))
			context.AfterFunc(cmd.Context(), func() { journal.Info("stopping: what was begun is ended first") })
			w.watch(cmd.Context(), journal)
			return nil
		},
	}
}

// watchLock is held by the one process that watches.
func watchLock(c Config) *flock.Flock { return flock.New(filepath.Join(c.State, "watch.lock")) }

func takeWatch(lock *flock.Flock) error {
	if err := inherit.Folder(filepath.Dir(lock.Path()), 0o750); err != nil {
		return fault.New(fault.Internal, "watch: %w", err)
	}
	f, err := inherit.OpenFile(lock.Path(), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return fault.New(fault.Internal, "watch: %w", err)
	}
	_ = f.Close()
	// Whoever asks whether somebody watches has the lock for a moment.
	wait, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	switch got, err := lock.TryLockContext(wait, 20*time.Millisecond); {
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Internal, "watch: %w", err)
	case !got:
		return fault.Transient(fault.Locked, "another process watches already").WithHint("`lslocks | grep watch.lock` names it")
	}
	return nil
}

// watchHeld reports whether a process watches now.
func watchHeld(c Config) (bool, error) {
	lock := flock.New(watchLock(c).Path(), flock.SetFlag(os.O_RDONLY))
	defer func() { _ = lock.Close() }()
	free, err := lock.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && !free, err
}
