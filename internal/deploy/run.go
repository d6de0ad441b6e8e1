package deploy

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
)

// Run brings the commit live, or leaves what ran before running. If ctx ends before the
// switch, the run stops; if it ends after the switch, the run reverts the change.
func (d *Deployer) Run(ctx context.Context, c contract.Contract, force bool) contract.Result {
	r := begin(d.session(c.Row(), c.Env), c.Commit)
	return r.ended(r.run(ctx, c, force, nil))
}

// run is a deploy in ten steps: guard, resolve, preflight, transfer, load, configure,
// switch, prove, settle, record. It uses the facts of a plan if planned is not nil: if
// another version runs meanwhile, the host refuses the switch.
func (r *run) run(ctx context.Context, c contract.Contract, force bool, planned *facts) (out contract.Result) {
	if c.Gate.Final() {
		return contract.Gated(c)
	}
	defer func() { out.Seconds, out.Warnings = elapsed(r.started), r.warnings }()
	out = contract.Result{Contract: &c, Rollback: c.Rollback}

	unlock, waited, err := r.guard(ctx)
	if err != nil {
		return r.stopped(ctx, out, sight.View{}, err)
	}
	defer unlock()
	if waited {
		planned = nil
	}

	found, err := r.resolve(ctx, c, planned)
	if out.Contract = &found.terms; err != nil {
		return r.stopped(ctx, out, found.seen, err)
	}
	if found.terms.Gate.Shut() { // the digest did not open the gate
		return r.gated(ctx, out, found)
	}
	if found, out.Mutated, err = r.clear(ctx, found); err != nil {
		return r.stopped(ctx, out, found.seen, err)
	}
	if out.Rollback, out.Older, err = r.rollback(found); err != nil {
		return r.stopped(ctx, out, found.seen, err)
	}

	plan, err := r.preflight(ctx, found)
	if err != nil {
		return r.stopped(ctx, out, found.seen, err)
	}
	out.Plan = &plan
	if err := r.admit(found, plan, force); err != nil {
		return r.stopped(ctx, out, found.seen, err)
	}
	if lives(found, plan, force) {
		return r.proveAgain(ctx, out, found)
	}

	if err := r.stage(ctx, found, plan.Need); err != nil { // transfer, load
		return r.stopped(ctx, out, found.seen, err)
	}

	a, err := r.prepare(ctx, found, plan.Need)
	if out.Contract = &a.terms; err != nil {
		return r.stopped(ctx, out, found.seen, err)
	}
	out.Scope, r.warnings = a.around.unfinished(), proof.Lasting(plan.Checks) // a revert before this change counts no more
	if err := r.switchOver(ctx, a); err != nil {                              // configure, switch
		return r.unswitched(ctx, out, a, err)
	}
	out.Mutated = true

	a.verdict, a.proven, err = r.proveNew(ctx, a)
	if out.Evidence = a.verdict.Findings; err != nil {
		return r.takeBack(ctx, out, a, err)
	}
	out.Witnesses = contract.Witnesses(r.row)

	ctx, cancel := detach(ctx) // it is proven: a stop comes too late
	defer cancel()
	receipt, retire, err := r.enter(a, out.Rollback)
	if err != nil {
		return r.takeBack(ctx, out, a, err)
	}
	if err := r.settle(ctx, a, retire); err != nil {
		return r.unkept(ctx, out, a, err)
	}

	out.Scope = r.compare(ctx, a.around, a.seen)
	receipt.Disturbed, receipt.Warnings = out.Scope.Sentences(), r.warnings
	if receipt, err = r.record(receipt); err != nil {
		return r.unrecorded(ctx, out, a, err)
	}
	return r.succeeded(ctx, out, a, receipt)
}
