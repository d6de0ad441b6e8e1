package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// before calls a function before the run settles for the first time.
func (w *world) before(do func()) {
	w.onSettle = func() {
		w.onSettle = nil
		do()
	}
}

// Between the proof and the settlement something may happen to the copy that was proven.
func TestACopyThatWasNotProvenIsTakenBack(t *testing.T) {
	for name, disturb := range map[string]func(w *world){
		"it restarted": func(w *world) { w.Crash() },
		"a person recreated it": func(w *world) {
			w.Put(container(b, w.images[b].Config, w.images[b].Manifest, "by hand"))
		},
		"it stopped":     func(w *world) { w.Stop() },
		"it was removed": func(w *world) { w.Kill() },
	} {
		for where, start := range map[string]func(*testing.T, func(*testing.T, *world)){"the master": inWorld, "D601": onD601} {
			t.Run(name+" on "+where, func(t *testing.T) {
				start(t, func(t *testing.T, w *world) {
					if w.runs() == "" {
						w.live(a)
					}
					w.images.add(t, b, w.labels(b))
					w.before(func() { disturb(w) })
					r := w.run(b)
					want(t, r, contract.DecidedReverted, fault.Stale)
					if r.OK || r.Changed || !r.Mutated || !strings.Contains(r.Failure.Message, "what runs is not what was proven") {
						t.Errorf("ok %v, changed %v, mutated %v: %s", r.OK, r.Changed, r.Mutated, r.Failure.Message)
					}
					if !r.Failure.Retry || !strings.HasSuffix(r.Failure.Next.String(), "--commit "+b.String()+" --run-now") {
						t.Errorf("retry %v, next %s", r.Failure.Retry, r.Failure.Next)
					}
					if w.runs() != a.String() || !w.running().Running || w.pending() != nil || !strings.Contains(r.Running.Text, a.String()) {
						t.Errorf("runs %s, pending %v, reported as running: %s", w.runs(), w.pending(), r.Running.Text)
					}
					if len(w.retired) > 0 {
						t.Errorf("images were let go: %v", w.retired)
					}
					if diff := cmp.Diff([]string{"reverted bbbb", "succeeded aaaa"}, w.history()); diff != "" {
						t.Error(diff)
					}
					if pending, err := w.Ledger.Pending(); err != nil || len(pending) > 0 {
						t.Errorf("pending receipts: %v, %v", pending, err)
					}
					want(t, w.run(b), contract.DecidedSucceeded, "")
				})
			})
		}
	}
}

// A person needs the commands that bring the old version back then.
func TestACopyThatWasNotProvenAndCannotBeTakenBackIsLoud(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.before(w.Crash)
		w.Fail(confirmtest.PutEnv, errBoom)
		r := w.run(b)
		want(t, r, contract.DecidedRevertFailed, fault.RevertFailed)
		for _, said := range []string{"what runs is not what was proven", "could not be brought back", "boom"} {
			if !strings.Contains(r.Failure.Message, said) {
				t.Errorf("%q lacks %q", r.Failure.Message, said)
			}
		}
		if r.OK || r.Changed || r.Failure.Hint != "turn it off and on again" || r.Failure.Next.String() != contract.RecoverCommand().String() {
			t.Errorf("ok %v, changed %v, %+v", r.OK, r.Changed, r.Failure)
		}
		w.wantHistory("revert-failed bbbb", "succeeded aaaa")
	})
}

// A host that is gone after it refused to keep reverts the change by itself.
func TestACopyThatWasNotProvenOnAHostThatIsGoneIsTakenBackByIt(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.before(func() {
			w.Crash()
			w.away = forever("observe")
		})
		r := w.run(b)
		want(t, r, contract.DecidedUnsettled, fault.HostUnreachable)
		if r.OK || r.Changed || !strings.Contains(r.Failure.Message, "what runs is not what was proven") {
			t.Errorf("ok %v, changed %v: %s", r.OK, r.Changed, r.Failure.Message)
		}
	})
}

// A commit that runs already is proven anew; meanwhile another version takes its place.
func TestAVersionThatWasReplacedWhileItWasProvenIsNotSaidToRun(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, w.labels(b))
		w.Emit = func(e journal.Line) {
			if e.Point == workload.PointResolve { // the run has looked
				w.Put(container(b, w.images[b].Config, w.images[b].Manifest, "by hand"))
			}
		}
		r := w.run(a)
		want(t, r, contract.DecidedFailed, fault.NotProven)
		if !strings.Contains(r.Running.Text, b.String()) {
			t.Errorf("%s runs, and the answer has %q", b, r.Running.Text)
		}
	})
}
