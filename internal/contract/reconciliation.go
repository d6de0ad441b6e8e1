package contract

import (
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Reconciliation is the outcome for all services of an environment.
type Reconciliation struct {
	OK       bool         `json:"ok"`
	Decision Decision     `json:"decision"`
	Env      artifact.Env `json:"env"`
	Services []Reconciled `json:"services"`
}

// Reconciled is the outcome for a service.
type Reconciled struct {
	Service string  `json:"service"`
	Outcome Outcome `json:"outcome"`
	// Result is the result of the service's deploy; nil if the service was not reached.
	Result *Result `json:"result,omitempty"`
}

// Outcome names in a word what a reconciler did about a service.
type Outcome string

// The outcomes.
const (
	OutcomeDone       Outcome = "done"
	OutcomeSkipped    Outcome = "skipped"
	OutcomeFailed     Outcome = "failed"
	OutcomeNotReached Outcome = "not-reached"
)

// LookAll calls look, which only reads, for each candidate with a contract. No failure
// stops it.
func LookAll(env artifact.Env, all []Candidate, look func(Contract) Result) Reconciliation {
	out := Reconciliation{Env: env, Services: make([]Reconciled, len(all))}
	for i, c := range all {
		out.Services[i] = Consider(c, look)
	}
	return out.Conclude()
}

// Consider does the act for a candidate that has a contract, and returns its outcome.
func Consider(c Candidate, do func(Contract) Result) Reconciled {
	one := Reconciled{Service: c.Service, Outcome: OutcomeFailed}
	if c.Err != nil {
		r := Refused(c.Err)
		switch one.Result = &r; r.Failure.Reason {
		case fault.UnknownService:
			one.Outcome = OutcomeSkipped
		case fault.CommitNotPinned: // the service exists
			r.Failure.Next = ListCommand(c.Service)
		}
		return one
	}
	r := do(c.Contract)
	one.Result = &r
	switch r.Decision {
	case DecidedUnsupported, DecidedGated, DecidedDeprecated:
		one.Outcome = OutcomeSkipped
	default:
		if r.OK || r.Decision == DecidedDegraded { // it runs, and its result names what is not well
			one.Outcome = OutcomeDone
		} else if c.Contract.Gate.Final() { // apply skips it, whatever else is wrong
			one.Outcome = OutcomeSkipped
		}
	}
	return one
}

// Failed returns the result of the first service that failed, nil if none did.
func (r Reconciliation) Failed() *Result {
	for _, one := range r.Services {
		if one.Outcome == OutcomeFailed {
			return one.Result
		}
	}
	return nil
}

// Conclude sets a single decision for all services: the first failure's, else that of a
// degraded service, else of a skipped service, else of a changed service.
func (r Reconciliation) Conclude() Reconciliation {
	if f := r.Failed(); f != nil {
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
