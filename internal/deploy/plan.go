package deploy

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Plan looks at the real hosts and returns whether a deploy would go through. It
// changes nothing.
func (d *Deployer) Plan(ctx context.Context, c contract.Contract) contract.Result {
	out, _ := d.session(c.Row(), c.Env).plan(ctx, c)
	return out
}

// PlanAll plans each service of an environment that is wanted.
func (d *Deployer) PlanAll(ctx context.Context, env artifact.Env, all []contract.Candidate) contract.Reconciliation {
	return contract.LookAll(env, all, func(c contract.Contract) contract.Result { return d.Plan(ctx, c) })
}

// plan also returns the facts that it has found, for a run that follows at once; nil if a
// run must look again. It reports a check that does not hold before it reports the gate,
// because nothing else shows that check.
func (s session) plan(ctx context.Context, c contract.Contract) (out contract.Result, _ *facts) {
	if c.Gate.Empty() {
		return contract.Gated(c), nil
	}
	started := time.Now()
	defer func() { out.Seconds = elapsed(started) }()
	out = contract.Result{Contract: &c, Rollback: c.Rollback}

	found, err := s.find(ctx, c)
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

// Prefetch stages the image of a commit on its host, for a deploy to come. It touches
// nothing that runs and takes no lock of the service, and no gate that a deploy can pass
// stops it: gates are about what goes live.
func (d *Deployer) Prefetch(ctx context.Context, c contract.Contract) (out contract.Result) {
	r := begin(d.session(c.Row(), c.Env), c.Commit)
	r.log.Head.Run = "" // it changes no service, so no journal keeps it
	defer func() { out.Seconds = elapsed(r.started) }()
	out = contract.Result{Contract: &c}

	found, err := r.find(ctx, c)
	if out.Contract = &found.terms; err != nil {
		return r.stopped(ctx, out, found.seen, err)
	}
	plan, err := r.stageable(ctx, found)
	if out.Plan = &plan; err != nil {
		return r.stopped(ctx, out, found.seen, err)
	}
	if err := r.stage(ctx, found, plan.Need); err != nil {
		return r.stopped(ctx, out, found.seen, err)
	}
	sent, received := r.Traffic()
	out.Transfer = r.log.Transfer
	out.Bytes = &ledger.Bytes{Image: plan.Bytes, Needed: plan.Need.Bytes, Received: received, Sent: sent}
	plan.Next = c.Meant(contract.LiveCommand(r.row, r.env, c.Commit.String()))
	out.OK, out.Decision, out.Running = true, contract.DecidedStaged, r.Running(found.seen)
	return out
}

// stageable returns the plan of an image that may be staged, or why it may not.
func (r *run) stageable(ctx context.Context, f facts) (contract.Plan, error) {
	plan := r.described(f)
	if r.Unseen != "" {
		return plan, workload.At(workload.PointPreflight, fault.New(fault.CapabilityMissing, "there is no host to bring %s to: %s", r.name(), r.Unseen))
	}
	role, err := r.role(ctx)
	if err != nil {
		return plan, workload.At(workload.PointPreflight, err)
	}
	if plan.Need, err = r.cost(ctx, f); err != nil {
		return plan, workload.At(workload.PointPreflight, err)
	}
	plan.Checks = append(append(plan.Checks, role...), r.room(f, plan.Need)...)
	return plan, workload.At(workload.PointPreflight, proof.Fault(plan.Checks))
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
