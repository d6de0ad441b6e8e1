package sight

import (
	"context"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Fate is what became of a change. After the way to its host broke only the host
// knows.
type Fate string

// The fates.
const (
	Unknown   Fate = "unknown" // the host cannot be asked
	Unmade    Fate = "unmade"
	Unsettled Fate = "unsettled"
	Kept      Fate = "kept"
	Reverted  Fate = "reverted"
)

// FateOf asks the host.
func (w Workload) FateOf(ctx context.Context, change workload.Change) (Fate, View) {
	seen, err := w.LookAgain(ctx)
	switch last := seen.Last; {
	case err != nil:
		return Unknown, seen
	case seen.Pending != nil && seen.Pending.Change.ID == change.ID:
		return Unsettled, seen
	case last == nil || last.ChangeID != change.ID:
		return Unmade, seen
	case last.Outcome == workload.Keep:
		return Kept, seen
	}
	return Reverted, seen
}

// RevertedByHost is the fault of a change that its host took back before its run
// ended; nil if the host did not.
func (w Workload) RevertedByHost(change string, seen workload.Observation) error {
	last := seen.Last
	if last == nil || last.ChangeID != change || last.Outcome != workload.Revert {
		return nil
	}
	return fault.Transient(fault.Stale, "%s took the change back by itself at %s: nobody had settled it in time",
		w.HostName, last.At.UTC().Format(time.TimeOnly+"Z"))
}

// ByItself describes what the host does if no run settles the change.
func (w Workload) ByItself(change workload.Change) string {
	return fmt.Sprintf("if nobody settles it, %s takes it back by itself at %s (its clock)",
		w.HostName, change.Deadline.UTC().Format(time.TimeOnly+"Z"))
}
