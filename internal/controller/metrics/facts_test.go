package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// start is when the deploys of these tests begin.
func start() time.Time { return time.Date(2026, 11, 26, 1, 40, 0, 0, time.UTC) }

// past is a receipt of frontend in prod that began so many minutes after the start.
func past(t *testing.T, minutes int, commit string, outcome ledger.Outcome) ledger.Receipt {
	t.Helper()
	began := start().Add(time.Duration(minutes) * time.Minute)
	return ledger.Receipt{
		Schema: ledger.Schema, ID: ledger.NewID(began), Service: must(artifact.ParseServiceID("frontend")), Env: artifact.Prod, Host: "master",
		Commit: must(artifact.ParseCommit(strings.Repeat(commit, 40))), Outcome: outcome, Started: began, Finished: began.Add(20 * time.Second),
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestReceiptsAreSummedUp(t *testing.T) {
	t.Parallel()
	newest, before, first := past(t, 30, "c", ledger.Reverted), past(t, 20, "b", ledger.Degraded), past(t, 10, "a", ledger.Succeeded)
	later := past(t, 25, "d", "promoted") // of a later controller
	newest.DownSeconds = 4
	at := func(seconds int) time.Time { return newest.Started.Add(time.Duration(seconds) * time.Second) }
	newest.Steps = []ledger.Step{
		{Point: workload.PointGuard, At: at(0).Add(500 * time.Millisecond)},
		{Point: workload.PointTransfer, At: at(1)},
		{Point: workload.PointLayer, At: at(5)},
		{Point: workload.PointTransfer, At: at(6)},
		{Point: workload.PointProve, At: at(9)},
		{Point: workload.PointSettle, At: at(8)},
	}
	before.Transfer = &workload.Transfer{Wire: 10, Whole: 100}
	first.Transfer = &workload.Transfer{Wire: 50, Whole: 50}
	got := deploysOf([]ledger.Receipt{newest, later, before, first})
	want := Deploys{
		Count: map[ledger.Outcome]int{ledger.Reverted: 1, ledger.Degraded: 1, ledger.Succeeded: 1},
		Last:  map[ledger.Outcome]time.Time{ledger.Reverted: newest.Finished, ledger.Degraded: before.Finished, ledger.Succeeded: first.Finished},
		Steps: map[workload.Point]float64{"guard": 0.5, "transfer": 1.5, "layer": 4, "prove": 3, "settle": 0}, Down: 4, Wire: 60, Whole: 150,
	}
	want.Kept.Commit, want.Kept.Degraded = strings.Repeat("b", 40), true
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What the books of the master do not know they do not claim.
func TestHowAPlaceStandsByTheBooks(t *testing.T) {
	t.Parallel()
	kept, degraded, lost := past(t, 1, "a", ledger.Succeeded), past(t, 2, "b", ledger.Degraded), past(t, 3, "c", ledger.RevertFailed)
	for name, c := range map[string]struct {
		receipts      []ledger.Receipt
		held, pending bool
		want          overview.State
	}{
		"kept":                   {[]ledger.Receipt{kept}, false, false, overview.Proven},
		"kept with false flags":  {[]ledger.Receipt{degraded, kept}, false, false, overview.Degraded},
		"reverted since":         {[]ledger.Receipt{past(t, 3, "c", ledger.Reverted), degraded}, false, false, overview.Degraded},
		"could not be put back":  {[]ledger.Receipt{lost, kept}, false, false, overview.Unknown},
		"recovered since":        {[]ledger.Receipt{past(t, 4, "c", ledger.Reverted), lost, kept}, false, false, overview.Proven},
		"a change is pending":    {[]ledger.Receipt{kept}, false, true, overview.Unconfirmed},
		"a run has it":           {[]ledger.Receipt{kept}, true, true, overview.Changing},
		"a run has it, it's new": {nil, true, true, overview.Changing},
	} {
		if got := stateOf(deploysOf(c.receipts), c.held, c.pending); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
