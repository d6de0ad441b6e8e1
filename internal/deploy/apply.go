package deploy

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Apply brings one commit live: first the guardrail, then the consumer that
// deploy-service uses. It looks at the service once.
func (d *Deployer) Apply(ctx context.Context, c contract.Contract, force bool) contract.Result {
	guard, found := d.guard(ctx, c)
	if !guard.OK {
		return guard
	}
	return d.run(ctx, c, force, found)
}

// guard is what every artifact consumer must pass: contract, gates, and every check
// that only reads. A change that this command's own killed run left is no reason to
// stop: the run takes it over, and looks for itself.
func (d *Deployer) guard(ctx context.Context, c contract.Contract) (contract.Result, *facts) {
	if c.Gate.Final() {
		return contract.Gated(c), nil
	}
	r, found := d.plan(ctx, c)
	if r.Failure != nil && (r.Failure.Reason == fault.ChangePending || r.Failure.Reason == fault.Locked) { // Run refuses that
		return contract.Result{OK: true}, nil
	}
	return r, found
}

// ApplyAll brings an environment to what is wanted. First the guardrail checks all of
// it, so that it refuses what it can while nothing is touched. Then ApplyAll takes each
// service in turn, by what the guardrail has found. It skips what a gate stops and
// what the catalog does not know; a failure stops the rest.
func (d *Deployer) ApplyAll(ctx context.Context, env artifact.Env, all []contract.Candidate, force bool) contract.Reconciliation {
	out := contract.Reconciliation{Env: env, Services: make([]contract.Reconciled, len(all))}
	for i, c := range all {
		out.Services[i] = contract.Reconciled{Service: c.Service, Outcome: contract.OutcomeNotReached}
	}
	found, passed := make([]*facts, len(all)), make([]bool, len(all))
	for i, c := range all {
		d.turnsTo(c, "is looked at")
		one := contract.Consider(c, func(c contract.Contract) (r contract.Result) {
			r, found[i] = d.guard(ctx, c)
			return r
		})
		if passed[i] = one.Outcome == contract.OutcomeDone; !passed[i] {
			out.Services[i] = one
		}
		if one.Outcome == contract.OutcomeFailed {
			return out.Conclude()
		}
	}
	for i, c := range all {
		if !passed[i] {
			continue
		}
		d.turnsTo(c, "goes live")
		out.Services[i] = contract.Consider(c, func(c contract.Contract) contract.Result { return d.run(ctx, c, force, found[i]) })
		if out.Services[i].Outcome == contract.OutcomeFailed {
			break
		}
	}
	return out.Conclude()
}

// turnsTo emits the service that the next points are about.
func (d *Deployer) turnsTo(c contract.Candidate, what string) {
	if c.Err == nil {
		d.config.Emit(workload.Event{Point: workload.PointGuard, Text: c.Service + " " + c.Contract.Commit.Short() + " " + what})
	}
}
