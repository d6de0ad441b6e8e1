package deploy

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Apply brings a commit live: first the guardrail, then the consumer that
// deploy-service uses. It looks at the service once.
func (d *Deployer) Apply(ctx context.Context, c contract.Contract, force bool) contract.Result {
	r := begin(d.session(c.Row(), c.Env), c.Commit)
	guard, found := r.tracked(r.id, r.commit).guard(ctx, c)
	if !guard.OK {
		return r.ended(guard)
	}
	r.started = time.Now()
	return r.ended(r.run(ctx, c, force, found))
}

// guard makes the checks that every artifact consumer must pass: contract, gates, and
// every check that only reads. A change that a killed run of this command left does not
// stop it: the run takes the change over, and looks again.
func (s session) guard(ctx context.Context, c contract.Contract) (contract.Result, *facts) {
	if c.Gate.Final() {
		return contract.Gated(c), nil
	}
	r, found := s.plan(ctx, c)
	if r.Failure != nil && (r.Failure.Reason == fault.ChangePending || r.Failure.Reason == fault.Locked) { // Run refuses that
		return contract.Result{OK: true}, nil
	}
	return r, found
}

// ApplyAll brings each service of an environment to its wanted commit. First the guardrail
// checks all services, so that it refuses what it can while nothing is touched. Then
// ApplyAll deploys them in turn, by the facts that the guardrail has found. It skips a
// service that a gate stops or the catalog does not know; a failure stops the rest.
func (d *Deployer) ApplyAll(ctx context.Context, env artifact.Env, all []contract.Candidate, force bool) contract.Reconciliation {
	out := contract.Reconciliation{Env: env, Services: make([]contract.Reconciled, len(all))}
	for i, c := range all {
		out.Services[i] = contract.Reconciled{Service: c.Service, Outcome: contract.OutcomeNotReached}
	}
	found, passed := make([]*facts, len(all)), make([]bool, len(all))
	for i, c := range all {
		one := contract.Consider(c, func(c contract.Contract) (out contract.Result) {
			s := d.session(c.Row(), c.Env).tracked("", c.Commit)
			s.turnsTo(c, "is looked at")
			if out, found[i] = s.guard(ctx, c); !out.OK {
				return begin(s, c.Commit).ended(out)
			}
			return out
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
		out.Services[i] = contract.Consider(c, func(c contract.Contract) contract.Result {
			r := begin(d.session(c.Row(), c.Env), c.Commit)
			r.turnsTo(c, "goes live")
			return r.ended(r.run(ctx, c, force, found[i]))
		})
		if out.Services[i].Outcome == contract.OutcomeFailed {
			break
		}
	}
	return out.Conclude()
}

// turnsTo emits the service that the next points are about.
func (s session) turnsTo(c contract.Contract, what string) {
	s.log.Report(workload.Event{Point: workload.PointGuard, Text: s.name() + " " + c.Commit.Short() + " " + what})
}
