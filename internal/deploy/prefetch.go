package deploy

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Prefetch stages the image of a commit on its host, for a deploy to come. It touches
// nothing that runs and takes no lock of the service, and no gate that a deploy can pass
// stops it: gates are about what goes live.
func (d *Deployer) Prefetch(ctx context.Context, c contract.Contract) (out contract.Result) {
	r := d.begin(d.session(c.Row(), c.Env), c.Commit)
	defer func() { out.Seconds = elapsed(r.started) }()
	out = contract.Result{Contract: &c}

	found, err := r.find(ctx, r.log, c)
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
