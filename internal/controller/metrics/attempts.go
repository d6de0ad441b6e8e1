package metrics

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

const (
	// killed is the outcome of a run that has no end.
	killed = "killed"
	// other is the outcome of a run whose end names an outcome that this version does not know.
	other = "other"
	// young is the age up to which a run without an end may be a file that is being made.
	young = time.Minute
	// remembered is the age up to which a run that was counted is known though it is not there:
	// a journal that could not be seen for a while has no run counted twice. The journal keeps
	// its runs for less.
	remembered = 100 * 24 * time.Hour
	// mostRuns bounds a count of the file, so that no sum of them overflows.
	mostRuns = 1 << 40
)

// outcomes are what the end of a run names.
func outcomes() (all []string) {
	for _, d := range []contract.Decision{
		contract.DecidedSucceeded, contract.DecidedUnchanged, contract.DecidedDegraded, contract.DecidedReverted, contract.DecidedRevertFailed,
		contract.DecidedUnsettled, contract.DecidedFailed, contract.DecidedInterrupted, contract.DecidedBlocked, contract.DecidedGated,
		contract.DecidedUnsupported, contract.DecidedDeprecated, contract.DecidedRefused, contract.DecidedBusy,
	} {
		all = append(all, string(d))
	}
	for _, a := range []contract.Action{contract.TookBack, contract.Recorded, contract.Released, contract.Unreached} {
		all = append(all, string(a))
	}
	return append(all, string(contract.OutcomeSkipped), string(contract.OutcomeNotReached))
}

// tally counts the runs that the journal has had, so that a sweep lowers no count. Its file
// has it as JSON.
type tally struct {
	Version int `json:"version"`
	// Counted are the runs that the totals have, as long as the journal may have them.
	Counted []string   `json:"counted"`
	Totals  []Attempts `json:"totals"`
}

// readTally returns the tally of a file, an empty tally if there is no file.
func readTally(path string) (t tally, err error) {
	content, err := statefile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return tally{Version: 1}, nil
	}
	if err != nil {
		return tally{}, statefile.Fault(fault.LedgerUnavailable, filepath.Dir(path), "counts of attempts", err)
	}
	err = json.Unmarshal(content, &t)
	if err != nil || t.Version != 1 || slices.ContainsFunc(t.Totals, func(a Attempts) bool { return a.Count < 0 || a.Count > mostRuns }) {
		return tally{}, fault.New(fault.LedgerUnavailable, "%s has no counts of attempts of version 1", path).
			WithHint("look at it, then move it away: the journal's runs are counted anew")
	}
	return t, nil
}

// write replaces the file of the tally.
func (t tally) write(path string) error {
	content, err := json.Marshal(t)
	if err == nil {
		err = statefile.Replace(path, append(content, '\n'), 0o640)
	}
	if err != nil {
		return statefile.Fault(fault.LedgerUnavailable, filepath.Dir(path), "counts of attempts", err)
	}
	return nil
}

// with returns the tally with the runs of the journal that have ended since. An error is of
// runs that could not be read; the others count all the same.
func (t tally) with(runs *journal.Journal, now time.Time) (tally, error) {
	counted := map[string]bool{} // and whether the journal may have it yet
	for _, id := range t.Counted {
		made, _ := ledger.Made(id)
		counted[id] = now.Sub(made) < remembered
	}
	fresh, err := runs.Runs(journal.Query{Skip: func(id string) bool {
		_, known := counted[id]
		if known {
			counted[id] = true
		}
		return known
	}})
	counts := map[Attempts]int64{} // without a count
	for _, a := range t.Totals {
		counts[Attempts{Pair: a.Pair, Outcome: a.Outcome}] += a.Count
	}
	for _, run := range fresh {
		outcome, over := outcomeOf(run, now)
		if over {
			counted[run.ID] = true
			counts[Attempts{Pair: Pair{run.Service.String(), run.Env.String()}, Outcome: outcome}]++
		}
	}
	maps.DeleteFunc(counted, func(_ string, may bool) bool { return !may })
	return tally{Version: 1, Counted: slices.Sorted(maps.Keys(counted)), Totals: sorted(counts)}, err
}

// outcomeOf returns how a run ended; over is false if it goes on.
func outcomeOf(run journal.Run, now time.Time) (outcome string, over bool) {
	switch {
	case run.State == journal.Ended && slices.Contains(outcomes(), run.Last.End.Outcome):
		return run.Last.End.Outcome, true
	case run.State == journal.Ended:
		return other, true
	}
	return killed, run.State == journal.Killed && now.Sub(run.Started) > young
}

func sorted(counts map[Attempts]int64) []Attempts {
	list := slices.Collect(maps.Keys(counts))
	slices.SortFunc(list, func(a, b Attempts) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Env, b.Env), cmp.Compare(a.Outcome, b.Outcome))
	})
	for i, a := range list {
		list[i].Count = counts[a]
	}
	return list
}
