package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// fate is what became of this run's change. After an error of the way to its host
// only the host knows.
type fate string

const (
	unknown   fate = "unknown" // the host cannot be asked
	unmade    fate = "unmade"
	unsettled fate = "unsettled"
	kept      fate = "kept"
	reverted  fate = "reverted"
)

// fate asks the host.
func (r *deployment) fate(ctx context.Context) (fate, workload.Observation) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	seen, err := r.host.Observe(ctx, r.spec, false)
	switch last := seen.Last; {
	case err != nil:
		return unknown, seen
	case seen.Pending != nil && seen.Pending.Change.ID == r.id:
		return unsettled, seen
	case last == nil || last.ChangeID != r.id:
		return unmade, seen
	case last.Outcome == workload.Keep:
		return kept, seen
	}
	return reverted, seen
}

// cut reports whether the way to a host broke, so that the host may have done what
// it was asked.
func cut(err error) bool {
	reason := fault.ReasonOf(err)
	return err != nil && (reason == fault.HostUnreachable || reason == fault.Stalled)
}

// hostNow is the time by the host's own clock, which its deadlines go by.
func (r *deployment) hostNow() time.Time { return r.seen.At.Add(time.Since(r.looked)) }

// takenBack is the fault of a change that its host ended before this run did.
func (r *deployment) takenBack(seen workload.Observation) error {
	last := seen.Last
	if last == nil || last.ChangeID != r.id || last.Outcome != workload.Revert {
		return nil
	}
	return fault.Transient(fault.Stale, "%s took the change back by itself at %s: nobody had settled it in time",
		r.environment().Target.Host, last.At.UTC().Format(time.TimeOnly+"Z"))
}

// unswitched ends a run whose switch failed, or whose end it did not hear of.
func (r *deployment) unswitched(ctx context.Context, change workload.Change, err error) contract.Result {
	became, seen := r.fate(ctx)
	switch became {
	case unmade:
		return r.stopped(ctx, err) // refused before anything was changed
	case reverted:
		err = r.takenBack(seen)
	}
	r.result.Mutated = true
	return r.takeBack(ctx, change, proof.Verdict{}, err)
}

// unsettled ends a run that cannot ask its host any more. A receipt is pending;
// whoever asks the host next finishes it.
func (r *deployment) unsettled(ctx context.Context, change workload.Change, cause error) contract.Result {
	decision := contract.DecidedUnsettled
	if ctx.Err() != nil {
		decision = contract.DecidedInterrupted
	}
	host := r.environment().Target.Host
	r.result.Fail(decision, r.at, fault.Transient(fault.HostUnreachable,
		"%w; %s cannot be asked what became of the change: %s", cause, host, r.byItself(change)).
		WithHint("the same command goes on with whatever became of it; `%s` takes it back", contract.RecoverCommand))
	r.result.Running = "not known: " + host + " cannot be asked; " + r.byItself(change)
	r.result.Failure.Next = r.next()
	return r.result
}

// byItself says what the host does when nobody does anything.
func (r *deployment) byItself(change workload.Change) string {
	return fmt.Sprintf("if nobody settles it, %s takes it back by itself at %s (its clock)",
		r.environment().Target.Host, change.Deadline.UTC().Format(time.TimeOnly+"Z"))
}

// unrecorded ends a run whose change is made and proven but whose books are not
// closed. Recover closes them.
func (r *deployment) unrecorded(ctx context.Context, change workload.Change, err error) contract.Result {
	err = fault.New(fault.RecoveryNeeded, "the new version runs and is proven, but: %w", err)
	r.lookAgain(ctx)
	if p := r.seen.Pending; p != nil && p.Change.ID == r.id && r.environment().Target.Host != catalog.Master {
		err = fault.New(fault.RecoveryNeeded, "%w; %s", err, r.byItself(change))
	}
	r.result.Fail(contract.DecidedFailed, r.at, err)
	r.result.Changed = true
	r.result.Running = describe(r.spec, r.seen)
	r.result.Failure.Next = r.next()
	return r.result
}
