package deploy

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Apply brings one commit live: the guardrail first, then the consumer that
// deploy-service uses.
func (d *Deployer) Apply(ctx context.Context, c contract.Contract, force bool) contract.Result {
	if guard := d.guard(ctx, c); !guard.OK {
		return guard
	}
	return d.Run(ctx, c, force)
}

// guard is what every artifact consumer must pass: contract, gates, and every
// check that only reads. A change that this command's own killed run left is no
// reason to stop: Run takes it over.
func (d *Deployer) guard(ctx context.Context, c contract.Contract) contract.Result {
	if c.Gate.Stops(contract.ReachLive) && c.Gate.Code != catalog.Promote {
		return contract.Gated(c)
	}
	r := d.Plan(ctx, c)
	switch {
	case r.Failure != nil && (r.Failure.Reason == fault.ChangePending || r.Failure.Reason == fault.Locked): // Run refuses that
		return contract.Result{OK: true}
	case r.OK && r.Contract.Gate.Stops(contract.ReachLive):
		gated := contract.Gated(*r.Contract)
		gated.Running = r.Running
		return gated
	}
	return r
}

// ApplyAll brings an environment to what is wanted: the guardrail for all of it
// first, so that what can be refused is refused while nothing is touched, then one
// service after the other. What a gate stops and what the catalog does not know is
// skipped; a failure stops the rest.
func (d *Deployer) ApplyAll(ctx context.Context, env catalog.Env, all []contract.Candidate, force bool) contract.Reconciliation {
	out := contract.Reconciliation{Env: env, Services: make([]contract.Reconciled, len(all))}
	for i, c := range all {
		d.turnsTo(c, "is looked at")
		one := contract.Consider(c, func(c contract.Contract) contract.Result { return d.guard(ctx, c) })
		if one.Outcome == contract.OutcomeDone {
			one.Outcome, one.Result = contract.OutcomeNotReached, nil
		}
		if out.Services[i] = one; one.Outcome == contract.OutcomeFailed {
			break
		}
	}
	if out.Failed() == nil {
		for i, c := range all {
			if out.Services[i].Outcome != contract.OutcomeNotReached {
				continue
			}
			d.turnsTo(c, "goes live")
			out.Services[i] = contract.Consider(c, func(c contract.Contract) contract.Result { return d.Run(ctx, c, force) })
			if out.Services[i].Outcome == contract.OutcomeFailed {
				break
			}
		}
	}
	for i, c := range all {
		if out.Services[i].Service == "" {
			out.Services[i] = contract.Reconciled{Service: c.Service, Outcome: contract.OutcomeNotReached}
		}
	}
	if out = out.Conclude(); out.Decision == contract.DecidedBlocked { // which tells a question what would be; this is what was
		out.Decision = contract.DecidedFailed
	}
	return out
}

// turnsTo tells which service the points are about that follow.
func (d *Deployer) turnsTo(c contract.Candidate, what string) {
	if c.Err == nil {
		d.Emit(workload.Event{Point: workload.PointGuard, Text: c.Service + " " + c.Contract.Commit.Short() + " " + what})
	}
}
