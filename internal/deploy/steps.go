package deploy

import (
	"context"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// guard takes the service's lock.
func (r *run) guard(ctx context.Context) (unlock func(), waited bool, err error) {
	if unlock, waited, err = r.lock(ctx); err != nil {
		return nil, waited, workload.At(workload.PointGuard, err)
	}
	r.log.Reach(workload.PointGuard, "locked")
	return unlock, waited, nil
}

// resolve looks at the workload and resolves the commit, or takes over a plan's facts.
func (r *run) resolve(ctx context.Context, c contract.Contract, planned *facts) (facts, error) {
	if planned == nil {
		return r.find(ctx, c)
	}
	r.log.Reach(workload.PointResolve, planned.Summary())
	return *planned, nil
}

// clear ends what an earlier run of this service left, and reports whether the host
// was changed for it. An unsettled change to the commit that is asked for stays: this
// run takes it over. A change whose run lives is left to that run.
func (r *run) clear(ctx context.Context, f facts) (_ facts, mutated bool, err error) {
	if err := r.held(f.seen); err != nil {
		return f, false, workload.At(workload.PointPreflight, err)
	}
	if p := f.seen.Pending; p != nil && p.Change.Image.Commit != r.commit {
		mutated = true
		if err := r.endLeft(ctx, p); err != nil {
			return f, mutated, err
		}
		if f, err = r.find(ctx, f.terms); err != nil {
			return f, mutated, err
		}
	}
	_, err = r.finishReceipts(f.seen)
	return f, mutated, workload.At(workload.PointPreflight, err)
}

// rollback returns the command for the newest proven commit that is not the asked
// commit, or the contract's command. older: the last proven commit is newer than the asked.
func (s session) rollback(f facts) (command contract.Command, older bool, err error) {
	commit, found, older, err := s.Ledger.Previous(s.env, s.name(), f.terms.Commit)
	if !found {
		return f.terms.Rollback, older, workload.At(workload.PointPreflight, err)
	}
	return contract.LiveCommand(s.row, s.env, commit.String()), older, nil
}

// stage brings the image to its host: transfer and load.
func (r *run) stage(ctx context.Context, f facts, need contract.Need) error {
	r.log.Reach(workload.PointPreflight, r.toBring(f, need))
	err := r.log.During(workload.PointTransfer, func(emit func(workload.Event)) error {
		return r.Host.Stage(ctx, r.Spec.Ref, f.Image.Pinned, emit)
	})
	if err == nil && ctx.Err() != nil {
		err = workload.At(workload.PointStaged, context.Cause(ctx))
	}
	return err
}

// prepare is the last step before the switch: it lists the other containers, and uses the
// grant up if the change is new.
func (r *run) prepare(ctx context.Context, f facts, need contract.Need) (attempt, error) {
	a := attempt{facts: f, need: need, change: r.newChange(f), around: r.survey(ctx, f.seen)}
	a.terms = f.terms.Excluding(r.Spec, a.around.all)
	values, _, err := r.settings()
	if err != nil {
		return a, workload.At(workload.PointPreflight, err)
	}
	a.change.Values = values
	if err := r.Ledger.Claim(r.env, r.name(), a.change.ID); err != nil {
		return a, workload.At(workload.PointBefore, err)
	}
	if f.terms.Grant == nil || f.seen.Pending != nil {
		return a, nil
	}
	return a, workload.At(workload.PointBefore, r.Grants.Use(*f.terms.Grant, r.holder()))
}

// switchOver makes the change, provisionally: configure and switch.
func (r *run) switchOver(ctx context.Context, a attempt) error {
	return r.log.During(workload.PointBefore, func(emit func(workload.Event)) error {
		return r.Host.Switch(ctx, a.change, func(e workload.Event) {
			if e.Point == workload.PointReplace && r.Spec.Kubernetes == nil { // a rollout leaves the old pods while it can
				r.outage.Replaced(time.Now())
			}
			emit(e)
		})
	})
}

// proveNew proves the version that the switch made.
func (r *run) proveNew(ctx context.Context, a attempt) (proof.Verdict, sight.View, error) {
	want := r.wanted(a.facts)
	want.Stamps = a.change.Stamps
	verdict, seen, err := r.Prove(ctx, want, sight.Waiting{Timeout: r.place.Timeout, Change: &a.change, Outage: &r.outage})
	if err == nil {
		r.log.Reach(workload.PointProve, r.commit.Short()+" "+string(verdict.Status))
	}
	return verdict, seen, err
}

// enter writes the receipt as pending, so that a later run can finish it after a crash
// between the settlement and the record. It also returns the commits to retire.
func (r *run) enter(a attempt, rollback contract.Command) (ledger.Receipt, []artifact.Commit, error) {
	receipt := r.receipt(a.change.ID, a.facts, a.need, a.verdict, rollback)
	receipt.Stamps = a.change.Stamps
	if err := r.Ledger.Prepare(receipt); err != nil {
		return receipt, nil, workload.At(workload.PointPending, err)
	}
	r.log.Reach(workload.PointPending, "saved, not final yet")
	old, err := r.Ledger.Retire(r.env, r.name(), r.commit, r.sharing()...)
	return receipt, old, workload.At(workload.PointSettle, err)
}

// sharing are the other environments on the host: they share the names of images.
func (s session) sharing() []artifact.Env {
	return slices.DeleteFunc(artifact.Envs(), func(e artifact.Env) bool { return e == s.env || !s.row.Environment(e).LiveOn(s.HostName) })
}

// settleAs has the host end a change. The host's warnings, for example about older images
// that stay, become the run's.
func (r *run) settleAs(ctx context.Context, settlement workload.Settlement) error {
	return r.log.During(workload.PointSettle, func(emit func(workload.Event)) error {
		return r.Host.Settle(ctx, r.Spec.Ref, settlement, func(e workload.Event) {
			if e.Warning && !slices.Contains(r.warnings, e.Text) {
				r.warnings = append(r.warnings, e.Text)
			}
			emit(e)
		})
	})
}

// settle has the host keep the change.
func (r *run) settle(ctx context.Context, a attempt, retire []artifact.Commit) error {
	err := r.settleAs(ctx, workload.Settlement{ChangeID: a.change.ID, Outcome: workload.Keep, Proven: a.verdict.Copies(), Retire: retire})
	if err != nil {
		if became, _ := r.FateOf(ctx, a.change); became != sight.Kept { // else only the answer was lost
			return err
		}
	}
	r.log.Reach(workload.PointSettle, "kept")
	return nil
}

// record puts the receipt in force.
func (r *run) record(receipt ledger.Receipt) (ledger.Receipt, error) {
	receipt, err := r.Ledger.Record(receipt)
	if err != nil {
		return receipt, workload.At(workload.PointRecord, err)
	}
	r.log.Reach(workload.PointRecord, "receipt "+receipt.ID)
	return receipt, nil
}

// succeeded is the result of a deploy that is recorded.
func (r *run) succeeded(ctx context.Context, out contract.Result, a attempt, receipt ledger.Receipt) contract.Result {
	out.OK, out.Decision, out.Changed = true, contract.DecidedSucceeded, true
	if a.verdict.Status == proof.Degraded {
		out.OK, out.Decision, out.Hints = false, contract.DecidedDegraded, r.hints()
	}
	if amiss := out.Scope.Hints(); len(amiss) > 0 {
		out.OK, out.Decision = false, contract.DecidedDegraded
		out.Hints = append(slices.Clone(out.Hints), amiss...)
	}
	out.Receipt, out.Bytes = &receipt, &receipt.Bytes
	out.Running = r.Latest(ctx, a.proven, nil)
	out.Running = out.Running.As(a.verdict.Status == proof.Proven && out.Running.Commit == r.commit.String())
	return out
}

// hints are what to do about a degraded service, after the command that deployed it.
func (s session) hints() []string { return s.row.HintsWith("the same command") }

// proveAgain proves a commit that runs already once more. It sends nothing and recreates
// nothing.
func (r *run) proveAgain(ctx context.Context, out contract.Result, f facts) contract.Result {
	verdict, seen, err := r.Prove(ctx, r.wanted(f), sight.Waiting{Timeout: r.place.Timeout})
	out.Evidence = verdict.Findings
	if err != nil {
		return r.stopped(ctx, out, sight.View{}, err) // what was seen may run no more
	}
	out.Witnesses = contract.Witnesses(r.row)
	r.log.Reach(workload.PointProve, r.commit.Short()+" runs already, "+string(verdict.Status))
	out.Running = r.Running(seen).As(verdict.Status == proof.Proven)
	if verdict.Status == proof.Degraded {
		out.Decision, out.Hints = contract.DecidedDegraded, r.hints()
		return out
	}
	if out.Receipt, err = r.recovered(f, out, verdict); err != nil {
		return r.stopped(ctx, out, f.seen, workload.At(workload.PointProve, err))
	}
	out.OK, out.Decision = true, contract.DecidedUnchanged
	return out
}

// recovered writes a receipt if a version that was kept degraded is well now, so that
// a rollback can go back to it. Else it returns nil.
func (r *run) recovered(f facts, out contract.Result, verdict proof.Verdict) (*ledger.Receipt, error) {
	receipts, err := r.history()
	if err != nil || len(receipts) == 0 || receipts[0].Outcome != ledger.Degraded || receipts[0].Commit != r.commit {
		return nil, err
	}
	receipt := r.receipt(r.id, f, out.Plan.Need, verdict, out.Rollback)
	receipt.Before, receipt.Stamps = receipts[0].Before, receipts[0].Stamps
	receipt, err = r.Ledger.Record(receipt)
	return &receipt, err
}
