package journal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Going is a deploy that goes on. Without a journal of the run only its holder is known.
type Going struct {
	Service string       `json:"service"`
	Env     artifact.Env `json:"env"`
	// Holder is what the run wrote into the lock of the service: who, since when.
	Holder  string          `json:"holder"`
	ID      string          `json:"run,omitempty"`
	Commit  artifact.Commit `json:"commit,omitzero"`
	Started time.Time       `json:"started,omitzero"`
	Point   workload.Point  `json:"point,omitempty"`
	Text    string          `json:"text,omitempty"`
	// Done and Total are the bytes of a transfer that goes on.
	Done  int64 `json:"done,omitempty"`
	Total int64 `json:"total,omitempty"`
}

// mostRuns is how many of a service's newest journals are read for the run that has it.
const mostRuns = 8

// Going returns the runs that have a lock of the ledger.
func (j *Journal) Going(l *ledger.Ledger) (all []Going) {
	for _, held := range l.Going() {
		all = append(all, j.Has(held))
	}
	return all
}

// Has returns the run that has a service, with the newest line of its journal. A journal that
// cannot be read leaves the run's holder.
func (j *Journal) Has(held ledger.Held) Going {
	run := Going{Service: held.Service, Env: held.Env, Holder: held.Holder}
	runs, _ := j.Runs(Query{Env: run.Env, Service: run.Service, Newest: mostRuns})
	// Another run may wait for this run to end; the holder names its own.
	i := slices.IndexFunc(runs, func(r Run) bool { return strings.Contains(run.Holder, r.ID) })
	if i >= 0 {
		r := runs[i]
		run.ID, run.Commit, run.Started = r.ID, r.Commit, r.Started
		run.Point, run.Text, run.Done, run.Total = r.Last.Point, r.Last.Text, r.Last.Done, r.Last.Total
	}
	return run
}

// Sentence describes the run at a time, with its commit as given.
func (r Going) Sentence(commit string, now time.Time) string {
	if r.ID == "" {
		return fmt.Sprintf("%s %s: %s", r.Service, r.Env, r.Holder)
	}
	doing := r.Text
	if r.Total > 0 {
		doing = fmt.Sprintf("%s of %s", plain.Size(r.Done), plain.Size(r.Total))
	}
	if commit != "" { // a recovery names its commit at its end
		commit = " to " + commit
	}
	return fmt.Sprintf("%s %s%s, %d s: %s %s (%s)", r.Service, r.Env, commit, int(now.Sub(r.Started).Seconds()), plain.Label(r.Point), doing, r.Holder)
}
