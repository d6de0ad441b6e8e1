package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// lastLines is how much of a failed container's output a result shows.
const lastLines = 20

// takeBack ends a change that was not proven: the old version runs again, and is
// seen to. A person's stop ends here as well.
func (r *deployment) takeBack(ctx context.Context, change workload.Change, verdict proof.Verdict, cause error) contract.Result {
	step, decision := r.at, contract.DecidedReverted
	if ctx.Err() != nil {
		decision = contract.DecidedInterrupted
		cause = fault.Transient(fault.Interrupted, "stopped by you; the change was taken back")
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	logs := r.logs(ctx, change)
	before := r.replaced()
	err := r.revert(ctx, change, before)
	receipt := r.receipt(change, verdict)
	receipt.Outcome, receipt.Failure = ledger.Reverted, cause.Error()
	if cut(err) {
		if unwritten := r.Ledger.Prepare(receipt); unwritten != nil {
			cause = errors.Join(cause, unwritten)
		}
		return r.unsettled(ctx, change, fmt.Errorf("%w; and then: %w", cause, err))
	}
	if err != nil {
		decision, receipt.Outcome = contract.DecidedRevertFailed, ledger.RevertFailed
		cause = fault.New(fault.RevertFailed, "%w; and what ran before could not be brought back: %w", cause, err)
		receipt.Failure = cause.Error()
	}
	r.endScope(ctx)
	receipt.Disturbed = r.disturbed()
	if err := r.Ledger.Record(receipt); err != nil {
		cause = errors.Join(cause, err)
	}
	r.lookAgain(ctx)
	r.result.Fail(decision, step, cause)
	r.result.Receipt, r.result.Bytes = &receipt, &receipt.Bytes
	r.result.Failure.Logs = logs
	r.result.Running = describe(r.spec, r.seen)
	r.result.Failure.Next = r.next()
	return r.result
}

// revert settles the change with Revert and waits until what ran before is seen
// to run.
func (r *deployment) revert(ctx context.Context, change workload.Change, before workload.Before) error {
	settlement := workload.Settlement{ChangeID: change.ID, Outcome: workload.Revert}
	err := r.host.Settle(ctx, r.spec, settlement, r.pass)
	if cut(err) {
		if became, _ := r.fate(ctx); became == reverted {
			err = nil // only the answer was lost
		}
	}
	if err != nil {
		return err
	}
	if err := r.proveOld(ctx, before); err != nil {
		return err
	}
	r.reach(workload.PointSettle, workload.PointRecord, "taken back")
	return nil
}

// proveOld waits until the same image as before has run unchanged for long
// enough, or, where nothing ran before, until nothing does. A container that was
// down before is only there again.
func (r *deployment) proveOld(ctx context.Context, before workload.Before) error {
	pause := time.NewTicker(min(time.Second, r.environment().Stable/proof.Enough))
	defer pause.Stop()
	deadline := time.Now().Add(r.environment().Timeout)
	var first *workload.Instance
	var since time.Time
	for {
		seen, err := r.ask(ctx, false, deadline)
		if err != nil {
			return err
		}
		in := proof.Current(r.spec, seen)
		switch {
		case before.Container == "" && in == nil:
			return nil
		case before.Container != "" && !before.Running && in != nil && in.ImageID == before.ImageID:
			return nil
		case before.Container != "" && in != nil && in.Running && in.ImageID == before.ImageID:
			if first == nil || first.ID != in.ID || first.Restarts != in.Restarts {
				first, since = in, time.Now()
			}
			if time.Since(since) >= r.environment().Stable {
				return nil
			}
		default:
			first = nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s: %s", r.environment().Timeout, describe(r.spec, seen))
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// logs are the last lines of the container that the change made, if it made one.
func (r *deployment) logs(ctx context.Context, change workload.Change) []string {
	seen, err := r.host.Observe(ctx, r.spec, false)
	if err != nil {
		return nil
	}
	in := proof.Current(r.spec, seen)
	if in == nil || in.ID == change.Saw || in.Env[workload.KeyCommit] != change.Commit.String() {
		return nil
	}
	lines, err := r.host.Logs(ctx, r.spec, in.ID, lastLines)
	if err != nil {
		return []string{"(its output could not be read: " + strings.TrimSpace(err.Error()) + ")"}
	}
	return lines
}
