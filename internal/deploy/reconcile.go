package deploy

import (
	"context"
	"maps"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Candidate is a service that deploy.json names, and its contract or what is
// wrong with the wish.
type Candidate struct {
	Service  string
	Contract Contract
	// Wanted is the commit that deploy.json names, "" where that is none.
	Wanted string
	Err    error
}

// Candidates derives a contract from each wanted commit, in alphabetical order.
func Candidates(c *catalog.Catalog, env catalog.Env, wanted map[string]string, req Request) (all []Candidate) {
	for _, service := range slices.Sorted(maps.Keys(wanted)) {
		req.Service, req.Env, req.Commit = service, string(env), wanted[service]
		_, err := c.Row(service)
		var contract Contract
		if err == nil {
			contract, err = NewContract(c, req)
		}
		if fault.ReasonOf(err) == fault.CommitNotPinned { // and the file's other values are not ours to show
			err = fault.New(fault.CommitNotPinned, "deploy.json wants %s at something that is not a full commit id", service).
				WithHint("name one there; `%s` lists those that are published", listCommand(service))
		}
		one := Candidate{Service: service, Contract: contract, Err: err}
		if commit, err := artifact.ParseCommit(req.Commit); err == nil {
			one.Wanted = commit.String()
		}
		all = append(all, one)
	}
	return all
}

func listCommand(service string) string {
	return "unidesk-controller artifact-registry list --service " + service
}

// Reconciliation is what came of all services of an environment.
type Reconciliation struct {
	OK       bool         `json:"ok"`
	Decision Decision     `json:"decision"`
	Env      catalog.Env  `json:"env"`
	Services []Reconciled `json:"services"`
}

// Reconciled is what came of one of them.
type Reconciled struct {
	Service string  `json:"service"`
	Outcome Outcome `json:"outcome"`
	// Result is the deploy's own; nil when it was not reached.
	Result *Result `json:"result,omitempty"`
}

// Outcome says in a word what a reconciler did about a service.
type Outcome string

// The outcomes.
const (
	OutcomeDone       Outcome = "done"
	OutcomeSkipped    Outcome = "skipped"
	OutcomeFailed     Outcome = "failed"
	OutcomeNotReached Outcome = "not-reached"
)

// Apply brings one commit live: the guardrail first, then the consumer that
// deploy-service uses.
func (d *Deployer) Apply(ctx context.Context, c Contract, force bool) Result {
	if guard := d.guard(ctx, c); !guard.OK {
		return guard
	}
	return d.Run(ctx, c, force)
}

// guard is what every artifact consumer must pass: contract, gates, and every
// check that only reads. A change that this command's own killed run left is no
// reason to stop: Run takes it over.
func (d *Deployer) guard(ctx context.Context, c Contract) Result {
	if c.Gate.Stops(ReachLive) && c.Gate.Code != catalog.Promote {
		return Gated(c)
	}
	r := d.Plan(ctx, c)
	switch {
	case r.Failure != nil && (r.Failure.Reason == fault.ChangePending || r.Failure.Reason == fault.Locked): // Run refuses that
		return Result{OK: true}
	case r.OK && r.Contract.Gate.Stops(ReachLive):
		gated := Gated(*r.Contract)
		gated.Running = r.Running
		return gated
	}
	return r
}

// ApplyAll brings an environment to what is wanted: the guardrail for all of it
// first, so that what can be refused is refused while nothing is touched, then one
// service after the other. What a gate stops and what the catalog does not know is
// skipped; a failure stops the rest.
func (d *Deployer) ApplyAll(ctx context.Context, env catalog.Env, all []Candidate, force bool) Reconciliation {
	out := Reconciliation{Env: env, Services: make([]Reconciled, len(all))}
	for i, c := range all {
		d.turnsTo(c, "is looked at")
		one := consider(c, func(c Contract) Result { return d.guard(ctx, c) })
		if one.Outcome == OutcomeDone {
			one.Outcome, one.Result = OutcomeNotReached, nil
		}
		if out.Services[i] = one; one.Outcome == OutcomeFailed {
			break
		}
	}
	if out.failed() == nil {
		for i, c := range all {
			if out.Services[i].Outcome != OutcomeNotReached {
				continue
			}
			d.turnsTo(c, "goes live")
			out.Services[i] = consider(c, func(c Contract) Result { return d.Run(ctx, c, force) })
			if out.Services[i].Outcome == OutcomeFailed {
				break
			}
		}
	}
	for i, c := range all {
		if out.Services[i].Service == "" {
			out.Services[i] = Reconciled{Service: c.Service, Outcome: OutcomeNotReached}
		}
	}
	if out = out.conclude(); out.Decision == DecidedBlocked { // which tells a question what would be; this is what was
		out.Decision = DecidedFailed
	}
	return out
}

// turnsTo tells which service the points are about that follow.
func (d *Deployer) turnsTo(c Candidate, what string) {
	if c.Err == nil {
		d.Emit(workload.Event{Point: workload.PointGuard, Text: c.Service + " " + c.Contract.Commit.Short() + " " + what})
	}
}

// LookAll goes through all services with something that only reads; nothing stops
// it.
func LookAll(env catalog.Env, all []Candidate, look func(Contract) Result) Reconciliation {
	out := Reconciliation{Env: env, Services: make([]Reconciled, len(all))}
	for i, c := range all {
		out.Services[i] = consider(c, look)
	}
	return out.conclude()
}

func consider(c Candidate, do func(Contract) Result) Reconciled {
	one := Reconciled{Service: c.Service, Outcome: OutcomeFailed}
	if c.Err != nil {
		r := Refused(c.Err)
		switch one.Result = &r; r.Failure.Reason {
		case fault.UnknownService:
			one.Outcome = OutcomeSkipped
		case fault.CommitNotPinned: // of a service that there is
			r.Failure.Next = listCommand(c.Service)
		}
		return one
	}
	r := do(c.Contract)
	one.Result = &r
	switch r.Decision {
	case DecidedUnsupported, DecidedGated, DecidedDeprecated:
		one.Outcome = OutcomeSkipped
	default:
		if r.OK || r.Decision == DecidedDegraded { // it runs, and says itself what is not well
			one.Outcome = OutcomeDone
		} else if g := c.Contract.Gate; g.Stops(ReachLive) && g.Code != catalog.Promote { // whatever is amiss, apply passes it over
			one.Outcome = OutcomeSkipped
		}
	}
	return one
}

func (r Reconciliation) failed() *Result {
	for _, one := range r.Services {
		if one.Outcome == OutcomeFailed {
			return one.Result
		}
	}
	return nil
}

// conclude makes one decision of all: the failure, else what is degraded, else
// what was skipped, else the change, if there was one.
func (r Reconciliation) conclude() Reconciliation {
	if f := r.failed(); f != nil {
		r.Decision = f.Decision
		return r
	}
	rank := []Decision{DecidedUnchanged, DecidedContract, DecidedReady, DecidedSucceeded, DecidedIncomplete, DecidedDegraded}
	worst := 0
	for _, one := range r.Services {
		decision := DecidedIncomplete
		if one.Outcome == OutcomeDone {
			decision = one.Result.Decision
		}
		worst = max(worst, slices.Index(rank, decision))
	}
	r.Decision = rank[worst]
	r.OK = worst < slices.Index(rank, DecidedIncomplete)
	return r
}
