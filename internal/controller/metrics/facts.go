// Package metrics shows Prometheus what this master knows of its deploys: from the receipts,
// the journal of runs, the changes that are not settled, and the sizes of the state folders.
// It contacts no host, so it knows neither which hosts answer nor how the registry is. What
// it cannot read it leaves out, and reports that it does: a number is never a guess.
//
// Files, from the top: keep.go, read.go, attempts.go, folders.go, text.go, collector.go, samples.go, table.go, facts.go.
// keep writes the textfile each minute, read asks the state folder, samples and facts are pure.
package metrics

import (
	"errors"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Facts are what is known at a time.
type Facts struct {
	At    time.Time
	Build build.Info
	// Places are the services in the environments that bring them live; nil if the receipts
	// could not be read.
	Places []Place
	// Unsettled are the changes on this machine that are not settled.
	Unsettled []Change
	// Leftovers is how many notes commands print of what killed runs left.
	Leftovers int
	// Attempts are the ended runs by their outcome.
	Attempts []Attempts
	Folders  []Folder
	// Unread is why a source could not be read, or not all of it; nil for a source that was.
	Unread map[Source]error
}

// Source is what facts are read from.
type Source string

// The sources.
const (
	FromLedger   Source = "ledger"
	FromJournal  Source = "journal"
	FromAttempts Source = "attempts"
	FromChanges  Source = "changes"
	FromFolders  Source = "folders"
)

// Sources are all of them.
func Sources() []Source {
	return []Source{FromLedger, FromJournal, FromAttempts, FromChanges, FromFolders}
}

// Fault returns why sources could not be read, nil if all could.
func (f Facts) Fault() error {
	var faults []error
	for _, s := range Sources() {
		faults = append(faults, f.Unread[s])
	}
	return errors.Join(faults...)
}

// Pair is a service in an environment.
type Pair struct {
	Service string `json:"service"`
	Env     string `json:"env"`
}

// Place is a service in an environment that brings it live.
type Place struct {
	Pair
	// Streamed means that its images cross to this machine, so that receipts count their bytes.
	Streamed bool
	// Commit is the version that was kept last, "" if none was. State is how it stands by the
	// books of this master; no host was asked.
	Commit string
	State  overview.State
	Deploys
}

// Deploys are what the receipts of a place come to.
type Deploys struct {
	// Count and Last are by outcome: how many there are, and when the last of them ended.
	Count map[ledger.Outcome]int
	Last  map[ledger.Outcome]time.Time
	// Kept is the last receipt whose version was kept; its commit is "" if there is none.
	Kept struct {
		Commit   string
		Degraded bool
	}
	// Lost means that the newest deploy could not bring back what ran before.
	Lost bool
	// Steps are how long the newest deploy took to each point from the point before, Down for how
	// long the service did not answer meanwhile, in seconds.
	Steps map[workload.Point]float64
	Down  float64
	// Wire are the bytes of layers that crossed, Whole those that had crossed without deltas.
	Wire, Whole int64
}

// Change is a change that is not settled.
type Change struct {
	Pair
	Commit, ID string
	// Deadline is when it is reverted; zero if it has none.
	Deadline time.Time
}

// Attempts is how many runs of a place ended so.
type Attempts struct {
	Pair
	Outcome string `json:"outcome"`
	Count   int64  `json:"count"`
}

// Folder is a folder of the state, with the most bytes that it may have, 0 for no limit.
type Folder struct {
	Kind         string
	Bytes, Quota int64
}

// deploysOf sums up the receipts of a place, which come newest first.
func deploysOf(receipts []ledger.Receipt) Deploys {
	d := Deploys{Count: map[ledger.Outcome]int{}, Last: map[ledger.Outcome]time.Time{}}
	for _, r := range receipts {
		if !slices.Contains(ledger.Outcomes(), r.Outcome) {
			continue // of a later controller
		}
		d.Count[r.Outcome]++
		if r.Finished.After(d.Last[r.Outcome]) {
			d.Last[r.Outcome] = r.Finished
		}
		if t := r.Transfer; t != nil {
			d.Wire, d.Whole = d.Wire+max(0, t.Wire), d.Whole+max(0, t.Whole)
		}
	}
	if kept := ledger.LastKept(receipts); kept != nil {
		d.Kept.Commit, d.Kept.Degraded = kept.Commit.String(), kept.Outcome == ledger.Degraded
	}
	if len(receipts) > 0 {
		d.Lost, d.Steps, d.Down = receipts[0].Outcome == ledger.RevertFailed, stepsOf(receipts[0]), receipts[0].DownSeconds
	}
	return d
}

// stepsOf returns how many seconds a deploy took to each point from the point before it, or
// from its beginning. A point that was reached several times has the sum.
func stepsOf(r ledger.Receipt) map[workload.Point]float64 {
	seconds, before := map[workload.Point]float64{}, r.Started
	for _, step := range r.Steps {
		seconds[step.Point] += max(0, step.At.Sub(before).Seconds())
		before = step.At
	}
	return seconds
}

// stateOf returns how a place stands: held means that a run has it, pending that a change of it
// is not settled.
func stateOf(d Deploys, held, pending bool) overview.State {
	switch {
	case held:
		return overview.Changing
	case pending:
		return overview.Unconfirmed
	case d.Lost:
		return overview.Unknown
	case d.Kept.Degraded:
		return overview.Degraded
	}
	return overview.Proven
}
