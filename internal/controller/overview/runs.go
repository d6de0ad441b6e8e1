package overview

import (
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Run is a deploy that goes on. Without a journal of the run only its holder is known.
type Run struct {
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

// runOf returns the run that has a place, with the newest line of its journal. A journal that
// cannot be read leaves the run's holder.
func runOf(p *place, c site.Config) Run {
	run := Run{Service: p.Row.Service.String(), Env: p.Env, Holder: p.holder}
	runs, _ := journal.Open(c.RunsDir()).Runs(journal.Query{Env: p.Env, Service: run.Service, Newest: mostRuns})
	// Another run may wait for this run to end; the holder names its own.
	i := slices.IndexFunc(runs, func(r journal.Run) bool { return strings.Contains(p.holder, r.ID) })
	if i >= 0 {
		r := runs[i]
		run.ID, run.Commit, run.Started = r.ID, r.Commit, r.Started
		run.Point, run.Text, run.Done, run.Total = r.Last.Point, r.Last.Text, r.Last.Done, r.Last.Total
	}
	return run
}
