package sight

import (
	"context"
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
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

// Ended is the fault of a change that the host or another run ended before its run did;
// nil if the change is unsettled, or kept.
func (w Workload) Ended(change workload.Change, seen View) error {
	last := seen.Last
	switch {
	case seen.Pending != nil && seen.Pending.Change.ID == change.ID:
		return nil
	case w.Superseded(change, seen):
		return fault.Transient(fault.Stale, "another run ended the change and made its own: %s", w.newer(seen))
	case last.Outcome == workload.Keep:
		return nil
	case last.At.Before(change.Deadline):
		return fault.Transient(fault.Stale, "another run reverted the change at %s", plain.Clock(last.At))
	}
	return fault.Transient(fault.Stale, "%s reverted the change by itself at %s: no run confirmed it in time", w.HostName, plain.Clock(last.At))
}

// Superseded reports whether the host knows a later change than this, which was made.
func (w Workload) Superseded(change workload.Change, seen View) bool {
	if p := seen.Pending; p != nil {
		return p.Change.ID != change.ID
	}
	return seen.Last == nil || seen.Last.ChangeID != change.ID
}

// newer describes the change that the host knows now.
func (w Workload) newer(seen View) string {
	switch {
	case seen.Pending != nil:
		return "a change to " + seen.Pending.Change.Image.Commit.Short() + " (" + seen.Pending.Change.Holder + ") is not confirmed"
	case seen.Last != nil:
		return fmt.Sprintf("the change to %s was %s at %s", seen.Last.Commit.Short(), seen.Last.Outcome, plain.Clock(seen.Last.At))
	}
	return "the host knows of no change"
}

// ByItself describes what the host does if no run settles the change.
func (w Workload) ByItself(change workload.Change) string {
	return fmt.Sprintf("if no run confirms it, %s reverts it by itself at %s (its clock)",
		w.HostName, plain.Clock(change.Deadline))
}
