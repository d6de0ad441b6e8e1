package deploy

import (
	"context"
	"errors"
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// attempt is a change under way, and the facts that it is based on.
type attempt struct {
	facts
	need    contract.Need
	change  workload.Change
	around  surroundings
	verdict proof.Verdict // the zero value before the proof
	proven  sight.View    // what the proof saw last
}

// fail sets an error, which names its point, as the result's failure. The next command
// may be a command that acts.
func (s session) fail(out contract.Result, decision contract.Decision, err error) contract.Result {
	out.Fail(decision, workload.PointOf(err), err)
	out.Failure.Next = contract.After(out, s.row, s.env, true)
	return out
}

// stopped ends a run that touched nothing that runs, or reverted no more than what an
// earlier run had left.
func (r *run) stopped(ctx context.Context, out contract.Result, seen sight.View, err error) contract.Result {
	if ctx.Err() != nil {
		err = workload.At(workload.PointOf(err), fault.Transient(fault.Interrupted, "stopped before anything that runs was touched"))
	}
	if out.Mutated {
		_, out.Running = r.Now(ctx, seen)
	} else {
		out.Running = r.Latest(ctx, seen, err)
	}
	return r.fail(out, contract.Obstacle(err), err)
}

// gated ends a run whose gate the digest did not open. As in a plan, a check that does
// not hold is reported first.
func (r *run) gated(ctx context.Context, out contract.Result, f facts) contract.Result {
	plan, err := r.preflight(ctx, f)
	if err != nil {
		return r.stopped(ctx, out, f.seen, err)
	}
	out.Plan = &plan
	if err := r.admit(f, plan, false); err != nil {
		return r.stopped(ctx, out, f.seen, err)
	}
	out.Running = r.Latest(ctx, f.seen, nil)
	out.AtGate()
	return out
}

// unswitched ends a run whose switch failed, or gave no answer about its end.
func (r *run) unswitched(ctx context.Context, out contract.Result, a attempt, err error) contract.Result {
	became, seen := r.FateOf(ctx, a.change)
	switch became {
	case sight.Unmade:
		return r.stopped(ctx, out, seen, err) // refused before anything was changed
	case sight.Reverted:
		err = workload.At(workload.PointOf(err), r.Ended(a.change, seen))
	}
	out.Mutated = true
	return r.takeBack(ctx, out, a, err)
}

// takeBack reverts a change that was not proven, and waits until the old version is seen
// to run again. A run that a person stops ends here, too.
func (r *run) takeBack(ctx context.Context, out contract.Result, a attempt, cause error) contract.Result {
	step, decision := workload.PointOf(cause), contract.DecidedReverted
	if ctx.Err() != nil {
		decision = contract.DecidedInterrupted
		cause = fault.Transient(fault.Interrupted, "stopped by you; the change was reverted")
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	logs, crashed := r.logs(ctx, a.change)
	err := r.revert(ctx, a.change, r.replaced(a.seen))
	receipt := r.receipt(a.change.ID, a.facts, a.need, a.verdict, out.Rollback)
	receipt.Outcome, receipt.Failure = ledger.Reverted, cause.Error()
	receipt.Logs, receipt.ProofFailed = logs, contract.OfVersion(cause, crashed)
	if sight.Cut(err) {
		cause = errors.Join(cause, r.Ledger.Prepare(receipt))
		return r.unsettled(ctx, out, a, workload.At(step, fmt.Errorf("%w; and then: %w", cause, err)), err)
	}
	if err != nil {
		decision, receipt.Outcome = contract.DecidedRevertFailed, ledger.RevertFailed
		cause = fault.New(fault.RevertFailed, "%w; and what ran before could not be brought back: %w", cause, err).
			WithHint("%s", fault.HintOf(err)).WithAction(fault.ActionOf(err)) // bringing it back comes first
		receipt.Failure = cause.Error()
	}
	out.Scope = r.compare(ctx, a.around, a.seen)
	receipt.Disturbed = out.Scope.Sentences()
	receipt, err = r.Ledger.Record(receipt)
	if err != nil {
		cause = errors.Join(cause, err)
	}
	out.Receipt, out.Bytes = &receipt, &receipt.Bytes
	_, out.Running = r.Now(ctx, a.seen)
	out = r.fail(out, decision, &workload.StepError{At: step, Err: cause})
	out.Failure.Logs = logs[max(0, len(logs)-shownLines):]
	return out
}

// unkept ends a run whose proven change the host did not keep, as far as the run knows.
// It reverts the change if the copy that runs is not the proven copy.
func (r *run) unkept(ctx context.Context, out contract.Result, a attempt, err error) contract.Result {
	switch became, seen := r.FateOf(ctx, a.change); {
	case became == sight.Reverted || became == sight.Unmade:
		return r.takeBack(ctx, out, a, workload.At(workload.PointOf(err), r.Ended(a.change, seen)))
	case fault.ReasonOf(err) == fault.Stale:
		return r.takeBack(ctx, out, a, err)
	case became == sight.Unknown && sight.Cut(err):
		return r.unsettled(ctx, out, a, err, err)
	}
	return r.unrecorded(ctx, out, a, err)
}

// unsettled ends a run whose host does not answer about the change any more; silence is the
// error of its last question. A receipt is pending; the next run that asks the host finishes it.
func (r *run) unsettled(ctx context.Context, out contract.Result, a attempt, cause, silence error) contract.Result {
	decision := contract.DecidedUnsettled
	if ctx.Err() != nil {
		decision = contract.DecidedInterrupted
	}
	out.Running = workload.NotKnown(r.HostName, "not known: "+r.HostName+" gives no answer; "+r.ByItself(a.change))
	return r.fail(out, decision, fault.Transient(fault.ReasonOf(silence),
		"%w; %s gives no answer about what became of the change: %s", cause, r.HostName, r.ByItself(a.change)).
		WithHint("the same command goes on with whatever became of it; `%s` reverts it", contract.RecoverCommand()))
}

// unrecorded ends a run whose change is made and proven but whose books are not
// closed. Recover closes them.
func (r *run) unrecorded(ctx context.Context, out contract.Result, a attempt, err error) contract.Result {
	err = fault.New(fault.RecoveryNeeded, "the new version was proven, but: %w", err)
	seen, running := r.Now(ctx, a.proven)
	if p := seen.Pending; p != nil && p.Change.ID == a.change.ID && r.HostName != catalog.Master {
		err = fault.New(fault.RecoveryNeeded, "%w; %s", err, r.ByItself(a.change))
	}
	in := seen.Current()
	out.Changed, out.Running = in != nil && in.Is(a.Image.Pinned), running
	return r.fail(out, contract.DecidedFailed, err)
}
