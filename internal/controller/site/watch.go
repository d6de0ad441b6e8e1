package site

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// watchLock is the file of the lock that the watching process has.
func watchLock(c Config) string { return filepath.Join(c.State, "watch.lock") }

// TakeWatch takes the lock of the process that watches. LOCKED if another process
// has it.
func TakeWatch(c Config) (unlock func(), err error) {
	broken := func(err error) error { return statefile.Fault(fault.Internal, c.State, "watch", err) }
	if err := statefile.Folder(c.State, 0o750); err != nil {
		return nil, broken(err)
	}
	lock, err := statefile.OpenLock(watchLock(c), 0o640)
	if err != nil {
		return nil, broken(err)
	}
	// A process that asks whether another process watches holds the lock for a moment.
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

// WatchHeld reports whether a process watches now.
func WatchHeld(c Config) (bool, error) { return statefile.Held(watchLock(c)) }
