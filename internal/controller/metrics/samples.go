package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// each gives each sample of the facts: the name of its metric, its value, and the values of
// the labels in the order of the table.
func (f Facts) each(give func(name string, value float64, labels ...string)) {
	give(buildInfo, 1, f.Build.Version, f.Build.Commit, f.Build.Go)
	give(collectedAt, seconds(f.At))
	for _, s := range Sources() {
		give(readable, truth(f.Unread[s] == nil), string(s))
	}
	for _, p := range f.Places {
		p.each(give)
	}
	for _, a := range f.Attempts {
		give(attempts, float64(a.Count), a.Service, a.Env, a.Outcome)
	}
	if f.Unread[FromChanges] == nil || len(f.Unsettled) > 0 {
		give(unsettled, float64(len(f.Unsettled)))
	}
	for _, c := range f.Unsettled {
		if !c.Deadline.IsZero() {
			give(deadline, seconds(c.Deadline), c.Service, c.Env, c.Commit, c.ID)
		}
	}
	if f.Unread[FromLedger] == nil && f.Unread[FromChanges] == nil {
		give(leftovers, float64(f.Leftovers))
	}
	for _, folder := range f.Folders {
		give(folderBytes, float64(folder.Bytes), folder.Kind)
		if folder.Quota > 0 {
			give(folderQuotas, float64(folder.Quota), folder.Kind)
		}
	}
}

// each gives the samples of a place. Outcomes that never came are 0, so that the first
// deploy with it is an increase.
func (p Place) each(give func(name string, value float64, labels ...string)) {
	if p.Commit != "" {
		give(liveInfo, 1, p.Service, p.Env, p.Commit, string(p.State))
	}
	for _, o := range ledger.Outcomes() {
		give(deploys, float64(p.Count[o]), p.Service, p.Env, string(o))
		if at := p.Last[o]; !at.IsZero() {
			give(lastDeploy, seconds(at), p.Service, p.Env, string(o))
		}
	}
	for _, point := range slices.Sorted(maps.Keys(p.Steps)) {
		give(deploySteps, p.Steps[point], p.Service, p.Env, string(point))
	}
	if len(p.Steps) > 0 {
		give(deployDown, p.Down, p.Service, p.Env)
	}
	if p.Streamed {
		give(wireBytes, float64(p.Wire), p.Service, p.Env)
		give(savedBytes, float64(max(0, p.Whole-p.Wire)), p.Service, p.Env)
	}
}

// seconds returns a time in seconds since 1970, to the millisecond.
func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }

func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
