package deploy

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Plan looks at the real hosts and says whether a deploy would go through. It
// changes nothing.
func (d *Deployer) Plan(ctx context.Context, c contract.Contract) contract.Result {
	out, _ := d.plan(ctx, c)
	return out
}

// PlanAll plans each service of an environment that is wanted.
func (d *Deployer) PlanAll(ctx context.Context, env artifact.Env, all []contract.Candidate) contract.Reconciliation {
	return contract.LookAll(env, all, func(c contract.Contract) contract.Result { return d.Plan(ctx, c) })
}

// plan returns what it has found, too, for a run that follows at once; nil if a run
// must look for itself. It reports what it saw before it reports the gate, because
// nothing else shows that.
func (d *Deployer) plan(ctx context.Context, c contract.Contract) (out contract.Result, _ *facts) {
	if c.Gate.Empty() {
		return contract.Gated(c), nil
	}
	s, j, started := d.session(c.Row(), c.Env), &journal{emit: d.config.Emit}, time.Now()
	defer func() { out.Seconds = elapsed(started) }()
	out = contract.Result{Contract: &c, Rollback: c.Rollback}

	found, err := s.find(ctx, j, c)
	if out.Contract = &found.terms; err != nil {
		return s.refused(ctx, out, found.seen, err), nil
	}
	plan, err := s.preflight(ctx, found)
	if err != nil {
		return s.refused(ctx, out, found.seen, err), nil
	}
	out.Plan = &plan
	if s.Unseen == "" {
		if all, err := s.Host.Neighbours(ctx, s.Spec.Ref); err == nil {
			found.terms, plan.Checks = found.terms.Excluding(s.Spec, all), append(plan.Checks, contract.Shared(s.Spec.Ref, all)...)
		}
	}
	if seen, err := s.idle(ctx, found.seen); err != nil {
		return s.refused(ctx, out, seen, err), nil
	}
	if err := s.admit(found, plan, false); err != nil {
		return s.refused(ctx, out, found.seen, err), nil
	}
	if out.Rollback, out.Older, err = s.rollback(found); err != nil {
		return s.refused(ctx, out, found.seen, err), nil
	}
	if out.Running = s.Running(found.seen); found.terms.Gate.Shut() {
		out.AtGate()
		return out, nil
	}
	plan.Next = c.Meant(contract.LiveCommand(s.row, s.env, c.Commit.String()))
	out.OK, out.Decision = true, contract.DecidedReady
	return out, &found
}

// idle refuses if another run has the service, or has left a change of it. It
// returns the newest look.
func (s session) idle(ctx context.Context, seen sight.View) (sight.View, error) {
	if holder := s.Ledger.Holder(s.env, s.name()); holder != "" {
		return seen, workload.At(workload.PointPreflight,
			fault.Transient(fault.Locked, "a run has %s (%s): %s", s.name(), s.env, holder).WithHint("ask again when it ends"))
	}
	if seen.Pending == nil {
		return seen, nil
	}
	if again, err := s.LookAgain(ctx); err == nil { // the run that made it may have ended while this looked
		seen = again
	}
	if p := seen.Pending; p != nil {
		return seen, workload.At(workload.PointPreflight, s.unsettledBy(seen))
	}
	return seen, workload.At(workload.PointPreflight,
		fault.Transient(fault.Locked, "a run had %s (%s), and ended while this looked", s.name(), s.env).WithHint("ask again"))
}

// unsettledBy is the fault of an unsettled change: its run may live.
func (s session) unsettledBy(seen sight.View) error {
	if s.leased(seen) {
		return contract.Held(seen.Pending)
	}
	return contract.Unsettled(seen.Pending)
}

// refused ends a plan that meets an obstacle.
func (s session) refused(ctx context.Context, out contract.Result, seen sight.View, err error) contract.Result {
	if ctx.Err() != nil {
		err = workload.At(workload.PointOf(err), fault.Transient(fault.Interrupted, "stopped before the answer; nothing was changed"))
	}
	out.Running = s.Running(seen)
	out = s.fail(out, contract.Obstacle(err), err)
	out.Failure.Next = contract.After(out, s.row, s.env, false)
	return out
}
