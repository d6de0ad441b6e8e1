package site

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/inherit"
)

// WatchLock is held by the one process that watches.
func WatchLock(c Config) *flock.Flock { return flock.New(filepath.Join(c.State, "watch.lock")) }

// TakeWatch takes the lock. LOCKED if another process has it.
func TakeWatch(lock *flock.Flock) error {
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

// WatchHeld reports whether a process watches now.
func WatchHeld(c Config) (bool, error) {
	lock := flock.New(WatchLock(c).Path(), flock.SetFlag(os.O_RDONLY))
	defer func() { _ = lock.Close() }()
	free, err := lock.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && !free, err
}
