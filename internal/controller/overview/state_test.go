package overview

import (
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestTheStateOfWhatRuns(t *testing.T) {
	t.Parallel()
	commit := strings.Repeat("a", 40)
	config := artifact.DigestOf([]byte("proven"))
	proven := func(change func(*ledger.Receipt)) *ledger.Receipt {
		r := ledger.Receipt{Outcome: ledger.Succeeded, Image: ledger.Image{Config: config}}
		if change != nil {
			change(&r)
		}
		return &r
	}
	runs := func(change func(*workload.Instance)) workload.Observation {
		in := workload.Instance{Unit: "web", Current: true, Running: true, Config: config, Commit: commit}
		if change != nil {
			change(&in)
		}
		return workload.Observation{At: time.Unix(1000, 0), Units: []workload.Unit{{Name: "web"}}, Instances: []workload.Instance{in}}
	}
	half := runs(nil)
	half.Units = append(half.Units, workload.Unit{Name: "worker"})
	left := runs(nil)
	left.Pending = &workload.Pending{}
	for name, c := range map[string]struct {
		held bool
		seen workload.Observation
		err  error
		last *ledger.Receipt
		want State
	}{
		"what was proven":           {seen: runs(nil), last: proven(nil), want: Proven},
		"it was kept with flags":    {seen: runs(nil), last: proven(func(r *ledger.Receipt) { r.Outcome = ledger.Degraded }), want: Degraded},
		"another image":             {seen: runs(func(in *workload.Instance) { in.Config = artifact.DigestOf(nil) }), last: proven(nil), want: Drifted},
		"another commit's stamps":   {seen: runs(func(in *workload.Instance) { in.Stamped = map[string]string{workload.KeyCommit: "b"} }), last: proven(nil), want: Drifted},
		"a Deployment without pods": {seen: half, last: proven(nil), want: Drifted},
		"it was removed":            {last: proven(nil), want: Drifted},
		"it is stopped":             {seen: runs(func(in *workload.Instance) { in.Running = false }), last: proven(nil), want: Down},
		"it keeps restarting": {seen: runs(func(in *workload.Instance) {
			in.Restarts, in.Started = workload.CrashLoop, time.Unix(999, 0)
		}), last: proven(nil), want: Down},
		"it is not ready":                      {seen: runs(func(in *workload.Instance) { in.Trouble = "unhealthy" }), last: proven(nil), want: Down},
		"an old pod beside it":                 {seen: runs(func(in *workload.Instance) { in.Current = false }), last: proven(nil), want: Drifted},
		"no receipt":                           {seen: runs(nil), want: Unproven},
		"nothing at all":                       {want: None},
		"a change is left":                     {seen: left, last: proven(nil), want: Unconfirmed},
		"a run has it":                         {held: true, seen: left, last: proven(nil), want: Changing},
		"a run has it, and its host is silent": {held: true, err: fault.New(fault.HostUnreachable, "no"), want: Changing},
		"its host is silent":                   {err: fault.New(fault.HostUnreachable, "no"), last: proven(nil), want: Unknown},
	} {
		if got := stateOf(c.held, c.seen, c.err, c.last); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestHowManyPublishedCommitsAreNewer(t *testing.T) {
	t.Parallel()
	of := func(digit string, at int64) inventory.Published {
		p := inventory.Published{Commit: must(artifact.ParseCommit(strings.Repeat(digit, 40)))}
		if at > 0 {
			p.Created = time.Unix(at, 0)
		}
		return p
	}
	shelf := inventory.Shelf{Artifacts: []inventory.Published{of("c", 3), of("b", 2), of("d", 2), of("a", 1), of("e", 0)}}
	for digit, want := range map[string]int{"c": 0, "b": 1, "a": 2, "e": -1, "f": -1} {
		got := newer(shelf, strings.Repeat(digit, 40), func(p inventory.Published) bool { return p.Commit == of("d", 0).Commit })
		if got == nil && want >= 0 || got != nil && *got != want {
			t.Errorf("%s: %v, want %d", digit, got, want)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
