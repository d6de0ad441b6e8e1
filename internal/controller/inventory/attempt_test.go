package inventory_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A run and its receipt are one attempt, and so are a recovery and the receipt of the change
// that it ended. A receipt whose run was swept is an attempt by itself.
func TestAnAttemptIsListedOnce(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	run := func(id string, minutes int, state journal.State, end *journal.End) journal.Run {
		began := at.Add(time.Duration(minutes) * time.Minute)
		return journal.Run{ID: id, State: state, Started: began, Last: journal.Line{Time: began.Add(time.Second), Point: workload.PointProve, End: end}}
	}
	runs := []journal.Run{
		run("going", 9, journal.Running, nil),
		run("recovery", 8, journal.Ended, &journal.End{Outcome: "took-back", Receipt: "killed-change"}),
		run("killed", 7, journal.Killed, nil),
		run("refused", 6, journal.Ended, &journal.End{Outcome: "blocked", Reason: fault.Locked, Failure: "another run"}),
		run("deploy", 4, journal.Ended, &journal.End{Outcome: "succeeded", Receipt: "deploy"}),
	}
	var receipts []ledger.Receipt
	for i, id := range []string{"killed-change", "swept", "deploy"} {
		receipts = append(receipts, ledger.Receipt{ID: id, Started: at.Add(time.Duration(6-i) * time.Minute), Finished: at.Add(time.Hour), Outcome: ledger.Reverted, Failure: "its run"})
	}
	var got []string
	for _, a := range inventory.Attempts(runs, receipts) {
		got = append(got, a.Run+" "+string(a.State)+" "+a.Outcome+" "+string(a.Reason)+" "+a.Receipt)
		if (a.State == journal.Ended) == a.Ended.IsZero() {
			t.Errorf("%+v", a)
		}
	}
	want := []string{
		"going running   ", "recovery ended took-back  killed-change", "killed killed   ", "refused ended blocked LOCKED ", "swept ended reverted  swept", "deploy ended succeeded  deploy",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if all := inventory.Attempts(nil, nil); all == nil {
		t.Error("nothing is no list")
	}
}
