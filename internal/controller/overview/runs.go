package overview

import (
	"slices"
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

// mostRuns is how many of the newest journals are read for the runs that go on.
const mostRuns = 64

// running returns the newest runs that go on. What cannot be read is left out: the lock of
// the service has the holder of the run all the same.
func running(c site.Config) []journal.Run {
	runs, _ := journal.Open(c.RunsDir()).Runs(journal.Query{Newest: mostRuns})
	return slices.DeleteFunc(runs, func(r journal.Run) bool { return r.State != journal.Running })
}

// runOf returns the run that has a place, with the newest line of its journal.
func runOf(p *place, running []journal.Run) Run {
	run := Run{Service: p.row.Service.String(), Env: p.env, Holder: p.holder}
	i := slices.IndexFunc(running, func(r journal.Run) bool { return r.Service == p.row.Service && r.Env == p.env })
	if i >= 0 {
		r := running[i]
		run.ID, run.Commit, run.Started = r.ID, r.Commit, r.Started
		run.Point, run.Text, run.Done, run.Total = r.Last.Point, r.Last.Text, r.Last.Done, r.Last.Total
	}
	return run
}
