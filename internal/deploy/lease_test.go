package deploy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A change is left to its run as long as its host believes that the run lives, whatever
// the master of the run that comes.
func TestALeaseOfAnotherMastersRunIsHeeded(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.target.Lease = confirm.Lease
		w.killed(b)
		c := commit("c")
		w.images.add(t, c, w.labels(c))
		for name, answer := range map[string]func() contract.Result{
			"plan":            func() contract.Result { return w.Plan(t.Context(), w.contract(c)) },
			"run":             func() contract.Result { return w.run(c) },
			"the same commit": func() contract.Result { return w.run(b) },
		} {
			r := answer()
			want(t, r, contract.DecidedBlocked, fault.ChangePending)
			until := w.pending().HeldUntil.Format(time.TimeOnly)
			if !r.Failure.Retry || r.Mutated || !strings.Contains(r.Failure.Message, "a run that was killed") || !strings.Contains(r.Failure.Message, until) {
				t.Errorf("%s: retry %v, mutated %v: %s (held until %s)", name, r.Failure.Retry, r.Mutated, r.Failure.Message, until)
			}
		}
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != contract.Busy || w.pending() == nil {
			t.Fatalf("recover: %+v, %v", done, err)
		}
		time.Sleep(confirm.Lease)
		want(t, w.run(c), contract.DecidedSucceeded, "")
	})
}

// A run knows by its own ledger that an earlier run is over, however long that run's lease lasts.
func TestARunOfThisLedgerThatIsOverIsNotWaitedFor(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.target.Lease = confirm.Lease
		w.onSwitch = func() { w.away = func(string) bool { return true } }
		r := w.run(b)
		want(t, r, contract.DecidedUnsettled, fault.HostUnreachable)
		w.away, w.onSwitch = nil, nil
		if !w.pending().HeldUntil.After(time.Now()) {
			t.Fatal("the lease is over")
		}
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != contract.TookBack {
			t.Errorf("recover: %+v, %v", done, err)
		}
	})
}

// Two masters deploy to the same host, and the second takes over. Each run ends in words
// that are true, and neither reverts what the other made.
func TestARunWhoseChangeAnotherMasterEndedRevertsNothing(t *testing.T) {
	t.Run("while it is reverted", func(t *testing.T) {
		twoMasters(t, func(theirs func()) { time.AfterFunc(2*time.Second, theirs) })
	})
	t.Run("once the other version runs", func(t *testing.T) {
		twoMasters(t, func(theirs func()) { theirs() })
	})
}

// twoMasters lets a second master take over at the moment that when chooses after the
// first has switched.
func twoMasters(t *testing.T, when func(theirs func())) {
	t.Helper()
	onD601(t, func(t *testing.T, w *world) {
		w.target.Lease = confirm.Lease
		c := commit("c")
		w.images.add(t, c, w.labels(c))
		other := w.Config
		other.Ledger = ledger.Open(t.TempDir())
		second, err := deploy.New(other)
		if err != nil {
			t.Fatal(err)
		}
		var theirs contract.Result
		over := make(chan struct{})
		w.onSwitch = func() {
			w.onSwitch = nil
			when(func() {
				defer close(over)
				theirs = second.Heeding(true, 0).Run(t.Context(), w.contract(c), false)
			})
		}
		w.Health = func(in workload.Instance) workload.Health { // of b it never comes
			if in.Stamped[workload.KeyCommit] == b.String() {
				return workload.Health{}
			}
			return honest(in)
		}
		ours := w.run(b)
		<-over
		want(t, theirs, contract.DecidedSucceeded, "")
		want(t, ours, contract.DecidedReverted, fault.Stale)
		if !strings.Contains(ours.Failure.Message, "another run") || !strings.Contains(ours.Running.Text, ", seen ") {
			t.Errorf("%s; running: %s", ours.Failure.Message, ours.Running.Text)
		}
		if w.runs() != c.String() || w.pending() != nil {
			t.Errorf("runs %s, pending %+v", w.runs(), w.pending())
		}
		if diff := cmp.Diff([]string{"reverted bbbb", "succeeded aaaa"}, w.history()); diff != "" {
			t.Error(diff)
		}
		kept, err := other.Ledger.History(0, "")
		if err != nil || !slices.ContainsFunc(kept, func(r ledger.Receipt) bool { return r.Commit == c && r.Outcome == ledger.Succeeded }) {
			t.Errorf("%+v, %v", kept, err)
		}
	})
}
