package confirm

import (
	"context"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// lock takes the workload's lock, and waits for its holder: another process, or the
// program that a killed process left running. The lock is that of the open file, so a
// program that inherits the descriptor holds it until it ends. Closing the file
// releases it, never an unlock, which would take it from that program, too.
func (t *Target[S]) lock(ctx context.Context, ref workload.Ref) (*os.File, error) {
	if err := statefile.Folder(t.store.dir, 0o750); err != nil {
		return nil, t.store.unwritable(err)
	}
	lock, err := statefile.OpenLock(t.store.path(ref, lockSuffix), 0o600)
	if err != nil {
		return nil, t.store.unwritable(err)
	}
	busy := fault.Transient(fault.Busy, "%s has been worked on by another process, or by what it left running, for %s", ref, t.Wait).
		WithHint("`lslocks | grep %s` names the process", ref)
	wait, cancel := context.WithTimeoutCause(ctx, t.Wait, busy)
	defer cancel()
	if err := lock.Wait(wait); err != nil {
		_ = lock.Close()
		if wait.Err() != nil {
			return nil, err
		}
		return nil, t.store.unwritable(err)
	}
	t.store.sweep(ref)
	return lock.File(), nil
}

// unwritable is the fault of a state folder that does not take a file.
func (s store[S]) unwritable(err error) error {
	return statefile.Fault(fault.Internal, s.dir, "state of a change", err)
}
