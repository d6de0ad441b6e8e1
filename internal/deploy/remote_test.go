package deploy_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// onD601 runs a story of findjob on a host of its own, which watches its changes;
// the commit a runs there and b is published.
func onD601(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := catalog.Builtin()
		if err != nil {
			t.Fatal(err)
		}
		w := worldOf(t, c, "findjob", artifact.Prod)
		w.service = "findjob"
		defer w.watch()()
		w.images.add(t, a, w.labels(a))
		w.images.add(t, b, w.labels(b))
		if r := w.run(a); r.Decision != contract.DecidedSucceeded {
			t.Fatalf("first deploy: %s: %+v", r.Decision, r.Failure)
		}
		story(t, w)
	})
}

// times lets the first pass calls of a kind through, and cuts the way for the next n.
func times(call string, pass, n int) func(string) bool {
	return func(c string) bool {
		if c != call {
			return false
		}
		pass--
		if pass >= 0 {
			return false
		}
		n--
		return n >= 0
	}
}

// forever cuts the way for good once a call has come.
func forever(call string) func(string) bool {
	gone := false
	return func(c string) bool {
		gone = gone || c == call
		return gone
	}
}

func TestNothingButMessagesCrossesForAnotherHost(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.events = nil
		r := w.run(b)
		want(t, r, contract.DecidedSucceeded, "")
		if r.Bytes.Needed != 0 || r.Plan.Need != (contract.Need{Engine: 400}) || w.runs() != b.String() {
			t.Errorf("%+v, %+v, runs %s", r.Bytes, r.Plan.Need, w.runs())
		}
	})
}

// Its agent refuses by the same measure.
func TestAPlanSeesThatAnotherHostsDiskIsFull(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.Fill(1<<40 - 399)
		r := w.Plan(t.Context(), w.contract(b))
		want(t, r, contract.DecidedBlocked, fault.DiskFull)
		if r.Failure.Message != "disk of D601's engine needs 400 B, 399 B free" {
			t.Error(r.Failure.Message)
		}
		w.Fill(1<<40 - 400)
		want(t, w.run(b), contract.DecidedSucceeded, "")
		w.Fill(1 << 40)
		r = w.Plan(t.Context(), w.contract(a)) // what it has needs no room: going back works
		want(t, r, contract.DecidedReady, "")
		if r.Plan.Need != (contract.Need{}) {
			t.Errorf("need %+v", r.Plan.Need)
		}
		c := commit("c")
		img := w.images.add(t, c, w.labels(c))
		want(t, w.Plan(t.Context(), w.contract(c)), contract.DecidedBlocked, fault.DiskFull)
		down := container(c, img.Config, img.Manifest, "by hand")
		down.Running = false
		w.Put(down)
		want(t, w.Plan(t.Context(), w.contract(c)), contract.DecidedReady, "")
		down.Config, down.ImageID = artifact.Digest{}, img.Manifest.String() // as containerd's store has it
		w.Put(down)
		want(t, w.Plan(t.Context(), w.contract(c)), contract.DecidedReady, "")
	})
}

func TestADeadlineGoesByTheHostsClock(t *testing.T) {
	for _, clock := range []time.Duration{-2 * time.Hour, 2 * time.Hour} {
		onD601(t, func(t *testing.T, w *world) {
			w.SetAhead(clock)
			w.onSwitch = func() {
				if left := w.pending().Change.Deadline.Sub(w.Now()); left < 3*time.Minute || left > 10*time.Minute {
					t.Errorf("clock %v: %v are left", clock, left)
				}
			}
			want(t, w.run(b), contract.DecidedSucceeded, "")
		})
	}
}

func TestARunThatTakesOverHasTheWholeTime(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.killedUntil(b, w.Now().Add(time.Second))
		want(t, w.run(b), contract.DecidedSucceeded, "")
		if w.runs() != b.String() {
			t.Errorf("runs %s", w.runs())
		}
	})
}

func TestWhatAnotherRunTookBackIsToldAsThat(t *testing.T) {
	for name, arrange := range map[string]func(w *world){
		"during the proof": func(w *world) {
			w.onSwitch = func() { time.AfterFunc(2*time.Second, func() { w.end(workload.Revert) }) }
		},
		"just before it is kept": func(w *world) {
			w.onSettle = func() {
				if w.pending() != nil {
					w.end(workload.Revert)
				}
			}
		},
		"while the switch was not heard of": func(w *world) {
			w.away = func(call string) bool {
				if call == "switched" {
					w.end(workload.Revert)
				}
				return call == "switched"
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			onD601(t, func(t *testing.T, w *world) {
				arrange(w)
				r := w.run(b)
				want(t, r, contract.DecidedReverted, fault.Stale)
				if !strings.Contains(r.Failure.Message, "another run reverted the change at ") || !strings.Contains(r.Running.Text, a.String()) {
					t.Errorf("%s; running: %s", r.Failure.Message, r.Running.Text)
				}
				if len(r.Failure.Logs) > 0 {
					t.Errorf("%q are the old version's words", r.Failure.Logs)
				}
				if diff := cmp.Diff([]string{"reverted bbbb", "succeeded aaaa"}, w.history()); diff != "" {
					t.Error(diff)
				}
				if !strings.Contains(r.Failure.Next.String(), "--run-now") {
					t.Errorf("next: %s", r.Failure.Next)
				}
			})
		})
	}
}

func TestACutThatMendsHidesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		away     func(string) bool
		decision contract.Decision
		reason   fault.Reason
	}{
		"in the proof":               {times("observe", 2, 3), contract.DecidedSucceeded, ""},
		"of the answer to keep":      {times("settled", 0, 1), contract.DecidedSucceeded, ""},
		"of the answer to a switch":  {times("switched", 0, 1), contract.DecidedReverted, fault.HostUnreachable},
		"before the switch was told": {times("switch", 0, 1), contract.DecidedFailed, fault.HostUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			onD601(t, func(t *testing.T, w *world) {
				w.away = c.away
				want(t, w.run(b), c.decision, c.reason)
				runs := map[bool]artifact.Commit{true: b, false: a}[c.reason == ""]
				if w.pending() != nil || w.runs() != runs.String() {
					t.Errorf("pending %v, runs %s", w.pending(), w.runs())
				}
			})
		})
	}
}

// The silence of an API server or an engine that restarts is no evidence about what runs.
func TestASilentEngineIsWaitedForInTheProof(t *testing.T) {
	for name, c := range map[string]struct {
		silence  error
		decision contract.Decision
		reason   fault.Reason
	}{
		"an API server":        {fault.Transient(fault.KubernetesUnavailable, "no answer"), contract.DecidedSucceeded, ""},
		"an engine":            {fault.Transient(fault.EngineUnavailable, "no answer"), contract.DecidedSucceeded, ""},
		"a closed socket":      {fault.New(fault.EngineUnavailable, "no permission"), contract.DecidedReverted, fault.EngineUnavailable},
		"another's API server": {fault.New(fault.KubernetesUnavailable, "another certificate"), contract.DecidedReverted, fault.KubernetesUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			onD601(t, func(t *testing.T, w *world) {
				looks := 3
				if c.reason != "" {
					looks = 1 // what runs is looked at again when it is reverted
				}
				w.silence, w.away = c.silence, times("observe", 2, looks)
				want(t, w.run(b), c.decision, c.reason)
			})
		})
	}
}

func TestAnAPIServerThatIsSilentWhenAChangeIsKeptLeavesItUnsettled(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.silence, w.away = fault.Transient(fault.KubernetesUnavailable, "no answer"), forever("settle")
		r := w.run(b)
		want(t, r, contract.DecidedUnsettled, fault.KubernetesUnavailable)
		if r.Changed || !strings.Contains(r.Failure.Message, "D601 reverts it by itself at ") || !strings.HasPrefix(r.Running.Text, "not known") {
			t.Errorf("changed %v, running %s: %s", r.Changed, r.Running.Text, r.Failure.Message)
		}
		w.away = nil
		want(t, w.run(b), contract.DecidedSucceeded, "")
	})
}

func TestAHostThatCannotBeAskedEndsItByItself(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.away = forever("switched")
		r := w.run(b)
		want(t, r, contract.DecidedUnsettled, fault.HostUnreachable)
		when := w.pending().Change.Deadline.UTC().Format("15:04:05Z")
		for _, said := range []string{r.Running.Text, r.Failure.Message} {
			if !strings.Contains(said, "D601 reverts it by itself at "+when) {
				t.Errorf("%s", said)
			}
		}
		if !strings.Contains(r.Failure.Next.String(), b.String()+" --run-now") || !strings.Contains(r.Failure.Hint, "recover") {
			t.Errorf("%+v", r.Failure)
		}
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != contract.Unreached {
			t.Errorf("%+v, %v", done, err)
		}
		time.Sleep(time.Hour)
		w.away = nil
		want(t, w.run(b), contract.DecidedSucceeded, "")
		if diff := cmp.Diff([]string{"succeeded bbbb", "reverted bbbb", "succeeded aaaa"}, w.history()); diff != "" {
			t.Error(diff)
		}
	})
}

// killedIn gives the world books in which alice's run of a service was killed.
func (w *world) killedIn(env, service string) {
	w.t.Helper()
	dir := w.t.TempDir()
	w.Ledger = ledger.Open(dir)
	lock := filepath.Join(dir, env, service, ".lock")
	if err := errors.Join(os.MkdirAll(filepath.Dir(lock), 0o700), os.WriteFile(lock, []byte("alice, killed"), 0o600)); err != nil {
		w.t.Fatal(err)
	}
}

// All that is known here of a silent host's change is which run was killed.
func TestARecoverThatReachesNobodyForgetsNobody(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.killedIn("prod", "findjob")
		w.away = forever("observe")
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != contract.Unreached {
			t.Errorf("%+v, %v", done, err)
		}
		if k := w.Ledger.Killed(); len(k) != 1 || k[0].Holder != "alice, killed" {
			t.Errorf("%+v", k)
		}
		w.away = nil
		if done, err := w.Recover(t.Context()); err != nil || len(done) > 0 || len(w.Ledger.Killed()) > 0 {
			t.Errorf("%+v, %v, %+v", done, err, w.Ledger.Killed())
		}
	})
}

// A host that answers that it has no such workload has nothing left of it.
func TestAKilledRunOfWhatIsNotPlacedAnyMoreIsForgotten(t *testing.T) {
	for _, reason := range []fault.Reason{fault.WorkloadNotFound, fault.CapabilityMissing} {
		onD601(t, func(t *testing.T, w *world) {
			w.killedIn("prod", "findjob")
			w.Targets["D601"] = workload.Via(func(context.Context, workload.Ref) (workload.Target, error) { return nil, fault.New(reason, "no") })
			done, err := w.Recover(t.Context())
			if err != nil || len(done) > 0 || len(w.Ledger.Killed()) > 0 {
				t.Errorf("%s: %+v, %v, %+v", reason, done, err, w.Ledger.Killed())
			}
		})
	}
}

func TestAKeepThatNobodyHeardOfIsFinishedLater(t *testing.T) {
	for name, recovered := range map[string]bool{"by recover": true, "by the same command": false} {
		t.Run(name, func(t *testing.T) {
			onD601(t, func(t *testing.T, w *world) {
				w.away = forever("settled")
				want(t, w.run(b), contract.DecidedUnsettled, fault.HostUnreachable)
				w.away = nil
				if recovered {
					done, err := w.Recover(t.Context())
					if err != nil || len(done) != 1 || done[0].Action != contract.Recorded {
						t.Errorf("%+v, %v", done, err)
					}
				} else {
					want(t, w.run(b), contract.DecidedUnchanged, "")
				}
				if diff := cmp.Diff([]string{"succeeded bbbb", "succeeded aaaa"}, w.history()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestRecoverTakesBackOnAnotherHost(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.killed(b)
		w.Fail(confirmtest.PutEnv, fault.New(fault.RevertFailed, "no engine"))
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != contract.Failed || done[0].Failure.Hint != "turn it off and on again" {
			t.Fatalf("%+v, %v", done, err)
		}
		r := w.Plan(t.Context(), w.contract(b))
		want(t, r, contract.DecidedFailed, fault.RevertFailed)
		if !strings.Contains(r.Failure.Message, "no engine") || r.Failure.Next.String() != "unidesk-controller recover" {
			t.Errorf("%+v", r.Failure)
		}
		w.Fail(confirmtest.PutEnv, nil)
		if done, err = w.Recover(t.Context()); err != nil || len(done) != 1 || done[0].Action != contract.TookBack {
			t.Fatalf("%+v, %v", done, err)
		}
		if w.runs() != a.String() {
			t.Errorf("runs %s", w.runs())
		}
	})
}

func TestWhatCannotBeLookedAtHasNotDrifted(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		want(t, w.Verify(t.Context(), artifact.Prod, "findjob"), contract.DecidedUnchanged, "")
		w.away = forever("observe")
		want(t, w.Verify(t.Context(), artifact.Prod, "findjob"), contract.DecidedFailed, fault.HostUnreachable)
	})
}

func TestWhatDoesNotFitIsMendedOnItsHost(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.Misfit()
		r := w.run(b)
		want(t, r, contract.DecidedBlocked, fault.WorkloadUnfit)
		if !strings.HasPrefix(r.Failure.Hint, "on D601, where its agent.yaml places the project: ") {
			t.Errorf("%s", r.Failure.Hint)
		}
	})
}
