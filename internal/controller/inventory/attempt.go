package inventory

import (
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Attempt is a run as history --all lists it: from its journal, or else from its receipt.
// docs/output.md describes its JSON.
type Attempt struct {
	Run     string             `json:"run"`
	Service artifact.ServiceID `json:"service"`
	Env     artifact.Env       `json:"env"`
	Commit  artifact.Commit    `json:"commit,omitzero"`
	Who     string             `json:"who"`
	Command string             `json:"command,omitempty"`
	State   journal.State      `json:"state"`
	Started time.Time          `json:"started"`
	// Ended is the zero value for a run that goes on, or was killed.
	Ended time.Time `json:"ended,omitzero"`
	// Point is the last point that the run reached.
	Point   workload.Point `json:"point,omitempty"`
	Outcome string         `json:"outcome,omitempty"`
	Reason  fault.Reason   `json:"reason,omitempty"`
	Failure string         `json:"failure,omitempty"`
	// Receipt is the id of the receipt of the run, or of the change that it ended.
	Receipt string `json:"receipt,omitempty"`
}

// Attempts joins runs with the receipts of runs that no journal has, or has any more,
// newest first.
func Attempts(runs []journal.Run, receipts []ledger.Receipt) []Attempt {
	all, told := []Attempt{}, map[string]bool{}
	for _, r := range runs {
		a := Attempt{
			Run: r.ID, Service: r.Service, Env: r.Env, Commit: r.Commit, Who: r.Who, Command: r.Command, State: r.State, Started: r.Started, Point: r.Last.Point,
		}
		if end := r.Last.End; end != nil {
			a.Ended, a.Outcome, a.Reason, a.Failure, a.Receipt = r.Last.Time, end.Outcome, end.Reason, end.Failure, end.Receipt
		}
		told[a.Run], told[a.Receipt] = true, true
		all = append(all, a)
	}
	for _, r := range receipts {
		if !told[r.ID] {
			all = append(all, Attempt{
				Run: r.ID, Service: r.Service, Env: r.Env, Commit: r.Commit, Who: r.Who, State: journal.Ended, Started: r.Started, Ended: r.Finished,
				Outcome: string(r.Outcome), Failure: r.Failure, Receipt: r.ID,
			})
		}
	}
	slices.SortStableFunc(all, func(a, b Attempt) int { return b.Started.Compare(a.Started) })
	return all
}
