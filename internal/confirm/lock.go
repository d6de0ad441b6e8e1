package confirm

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/inherit"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const lockPoll = 50 * time.Millisecond

// lock takes the workload's lock, waiting for whoever has it: another process, or
// the program that a killed one left running. The lock is that of the open file,
// so a program that inherits the descriptor holds it until it ends. It is let go
// by closing the file and never by unlocking, which would take it from that
// program, too.
func (t *Target[S]) lock(ctx context.Context, ref workload.Ref) (*os.File, error) {
	if err := inherit.Folder(t.store.dir, 0o750); err != nil {
		return nil, unwritable(err)
	}
	f, err := inherit.OpenFile(t.store.path(ref, lockSuffix), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unwritable(err)
	}
	deadline := time.NewTimer(t.Wait)
	defer deadline.Stop()
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			t.store.sweep(ref)
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = f.Close()
			return nil, unwritable(err)
		}
		select {
		case <-poll.C:
			continue
		case <-deadline.C:
			err = fault.Transient(fault.Busy, "%s has been worked on by another process, or by what it left running, for %s", ref, t.Wait).
				WithHint("`lslocks | grep %s` names the process", ref)
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		_ = f.Close()
		return nil, err
	}
}

// unwritable is the fault of a state folder that does not take a file.
func unwritable(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.New(fault.DiskFull, "state of a change: %w", err).WithHint("free space on the filesystem of the state folder")
	}
	return fault.New(fault.Internal, "state of a change: %w", err)
}
