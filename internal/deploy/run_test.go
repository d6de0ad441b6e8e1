package deploy_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

var a, b = commit("a"), commit("b")

// inWorld runs a story in a bubble, so that waiting takes no time.
func inWorld(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { story(t, newWorld(t)) })
}

func want(t *testing.T, r contract.Result, decision contract.Decision, reason fault.Reason) {
	t.Helper()
	got := fault.Reason("")
	if r.Failure != nil {
		got = r.Failure.Reason
		if r.Failure.Next.IsZero() || r.Failure.Step == "" {
			t.Errorf("failure without step or next command: %+v", r.Failure)
		}
	}
	if r.Decision != decision || got != reason {
		t.Fatalf("decided %s (%s), want %s (%s): %+v", r.Decision, got, decision, reason, r.Failure)
	}
	if r.Running.Text == "" && reason != fault.Locked {
		t.Error("the result lacks what runs")
	}
}

func TestFirstDeployGoesLiveWithAReceipt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.images.add(t, a, labels(a))
		r := w.run(a)
		want(t, r, contract.DecidedSucceeded, "")
		if r.Seconds < 5 {
			t.Errorf("took %v s, and the proof alone is 5", r.Seconds)
		}
		if !r.OK || !r.Changed || !r.Mutated || r.Receipt == nil {
			t.Errorf("ok %v changed %v mutated %v receipt %v", r.OK, r.Changed, r.Mutated, r.Receipt)
		}
		if got := w.runs(); got != a.String() {
			t.Errorf("runs %s", got)
		}
		if diff := cmp.Diff([]string{"succeeded aaaa"}, w.history()); diff != "" {
			t.Error(diff)
		}
		if r.Rollback.Complete() {
			t.Errorf("rollback %q names a commit, and there was none before", r.Rollback)
		}
	})
}

func TestSecondDeployTellsHowToGoBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		r := w.run(b)
		want(t, r, contract.DecidedSucceeded, "")
		again := w.Run(t.Context(), w.contract(b), true)
		for _, rollback := range []string{r.Rollback.String(), again.Rollback.String()} {
			if !strings.Contains(rollback, "--commit "+a.String()) {
				t.Errorf("rollback %q, want the command for %s", rollback, a)
			}
		}
	})
}

func TestTheSameCommitAgainChangesNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.staged, w.switches = nil, 0
		r := w.run(a)
		want(t, r, contract.DecidedUnchanged, "")
		if r.Changed || r.Mutated || r.Receipt != nil || w.switches != 0 || len(w.staged) != 0 {
			t.Errorf("changed %v mutated %v receipt %v switches %d staged %v", r.Changed, r.Mutated, r.Receipt, w.switches, w.staged)
		}
		if len(r.Evidence) == 0 {
			t.Error("no fresh proof")
		}
		if forced := w.Run(t.Context(), w.contract(a), true); forced.Decision != contract.DecidedSucceeded || w.switches != 1 {
			t.Errorf("--force: %s after %d switches", forced.Decision, w.switches)
		}
	})
}

func TestAnUnprovenVersionIsTakenBack(t *testing.T) {
	answers := map[string]func(workload.Instance) workload.Health{
		"never healthy":    func(workload.Instance) workload.Health { return workload.Health{Status: 503} },
		"not JSON":         func(workload.Instance) workload.Health { return workload.Health{Status: 200, Error: "not JSON"} },
		"an old commit":    func(workload.Instance) workload.Health { return honest(workload.Instance{Labels: labels(a)}) },
		"no commit":        func(workload.Instance) workload.Health { return workload.Health{Status: 200, OK: true} },
		"nobody listens":   func(workload.Instance) workload.Health { return workload.Health{Error: "connection refused"} },
		"answers ok=false": func(workload.Instance) workload.Health { return workload.Health{Status: 200} },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.live(a)
				w.images.add(t, b, labels(b))
				w.Health = func(in workload.Instance) workload.Health {
					if in.Stamped["COMMIT"] == b.String() {
						return answer(in)
					}
					return honest(in)
				}
				r := w.run(b)
				want(t, r, contract.DecidedReverted, fault.NotProven)
				if r.Failure.Next.String() != "unidesk-controller history show "+r.Receipt.ID {
					t.Errorf("next %q: the commit is broken and stays so", r.Failure.Next)
				}
				if w.runs() != a.String() || w.pending() != nil {
					t.Errorf("runs %s, pending %v", w.runs(), w.pending())
				}
				if logs := r.Failure.Logs; len(logs) != 1 || !strings.HasPrefix(logs[0], "hello from ") {
					t.Errorf("logs %q", logs)
				}
				if diff := cmp.Diff([]string{"reverted bbbb", "succeeded aaaa"}, w.history()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestWithoutAVersionBeforeTheNewContainerGoes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.images.add(t, a, labels(a))
		w.Health = func(workload.Instance) workload.Health { return workload.Health{Status: 503} }
		r := w.run(a)
		want(t, r, contract.DecidedReverted, fault.NotProven)
		if w.running() != nil || len(r.Failure.Logs) == 0 {
			t.Errorf("running %v, logs %v", w.running(), r.Failure.Logs)
		}
	})
}

func TestAWrongImageIsNeverStaged(t *testing.T) {
	other := labels(a)
	other[artifact.LabelRevision] = b.String()
	service := labels(a)
	service[artifact.LabelService] = "todo-note"
	steering := labels(a)
	steering["containerd.io/restart.status"] = "running"
	for name, l := range map[string]map[string]string{
		"another commit's": other, "another service's": service, "no labels": nil, "a reserved label": steering,
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.readOnly = true
				w.images.add(t, a, l)
				want(t, w.run(a), contract.DecidedBlocked, fault.LabelMismatch)
				want(t, w.Plan(t.Context(), w.contract(a)), contract.DecidedBlocked, fault.LabelMismatch)
			})
		})
	}
}

func TestWhatFailsBeforeTheSwitchLeavesTheOldVersion(t *testing.T) {
	stories := map[string]struct {
		arrange  func(w *world)
		decision contract.Decision
		reason   fault.Reason
	}{
		"no such commit":      {func(w *world) { delete(w.images, b) }, contract.DecidedBlocked, fault.ArtifactNotFound},
		"a secret is missing": {func(w *world) { w.Lose("UNIDESK_BAIDU_NETDISK_TOKEN_KEY") }, contract.DecidedBlocked, fault.EnvKeyMissing},
		"the transfer fails": {
			func(w *world) { w.FailStage(fault.Transient(fault.HostUnreachable, "cut")) }, contract.DecidedFailed, fault.HostUnreachable,
		},
	}
	for name, s := range stories {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.live(a)
				w.images.add(t, b, labels(b))
				s.arrange(w)
				r := w.run(b)
				want(t, r, s.decision, s.reason)
				if s.reason == fault.EnvKeyMissing && !strings.Contains(r.Failure.Hint, w.EnvFile) {
					t.Errorf("the hint %q does not name %s", r.Failure.Hint, w.EnvFile)
				}
				if r.Mutated || r.Changed || w.switches != 1 {
					t.Errorf("mutated %v changed %v switches %d", r.Mutated, r.Changed, w.switches)
				}
			})
		})
	}
}

func TestAFailedSwitchIsTakenBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.Fail(confirmtest.Retag, fault.New(fault.ComposeFailed, "compose says no"))
		want(t, w.run(b), contract.DecidedReverted, fault.ComposeFailed)
		if w.pending() != nil || w.runs() != a.String() {
			t.Errorf("pending %v, runs %v", w.pending(), w.running())
		}
	})
}

func TestAFailedRevertIsLoud(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.Fail(confirmtest.Retag, errBoom)
		w.Fail(confirmtest.PutEnv, errBoom)
		r := w.run(b)
		want(t, r, contract.DecidedRevertFailed, fault.RevertFailed)
		if r.Failure.Next.String() != "unidesk-controller recover" {
			t.Errorf("next %q", r.Failure.Next)
		}
	})
}

func TestStopMeansOldOrNew(t *testing.T) {
	t.Run("before the switch", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.live(a)
			w.images.add(t, b, labels(b))
			ctx, cancel := context.WithCancel(t.Context())
			w.Emit = func(e journal.Line) {
				if e.Point == workload.PointStaged {
					cancel()
				}
			}
			r := w.Run(ctx, w.contract(b), false)
			want(t, r, contract.DecidedInterrupted, fault.Interrupted)
			if r.Mutated || w.switches != 1 {
				t.Errorf("mutated %v, switches %d", r.Mutated, w.switches)
			}
		})
	})
	t.Run("after the switch", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.live(a)
			w.images.add(t, b, labels(b))
			ctx, cancel := context.WithCancel(t.Context())
			w.onSwitch = cancel
			want(t, w.Run(ctx, w.contract(b), false), contract.DecidedInterrupted, fault.Interrupted)
			if w.runs() != a.String() || w.pending() != nil {
				t.Errorf("runs %v, pending %v", w.running(), w.pending())
			}
		})
	})
}

// A flag that was false before degrades, a flag that was true before fails.
func TestFlagsAreMeasuredByWhatWasBefore(t *testing.T) {
	loggedOut := func(in workload.Instance) workload.Health {
		h := honest(in)
		h.Flags["auth.loggedIn"] = false
		return h
	}
	t.Run("false before: kept, degraded", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.live(a)
			w.images.add(t, b, labels(b))
			w.Health = loggedOut
			r := w.run(b)
			want(t, r, contract.DecidedDegraded, "")
			if r.OK || len(r.Hints) != 3 || w.runs() != b.String() {
				t.Errorf("ok %v hints %v runs %v", r.OK, r.Hints, w.running().Stamped)
			}
			if v := w.Verify(t.Context(), artifact.Prod, "baidu-netdisk"); len(v.Hints) != 3 || !strings.Contains(v.Hints[1], "with `unidesk-controller artifact-registry deploy-service ") {
				t.Errorf("verify does not name the command: %q", v.Hints)
			}
			again := w.run(b)
			want(t, again, contract.DecidedDegraded, "")
			if again.Mutated {
				t.Error("the same command again recreated the service")
			}
			commits, err := w.Ledger.Proven(artifact.Prod, "baidu-netdisk")
			if err != nil || slices.Contains(commits, b) {
				t.Errorf("a degraded version is one to go back to: %v %v", commits, err)
			}
			w.Health = honest // a person has logged in
			well := w.run(b)
			want(t, well, contract.DecidedUnchanged, "")
			commits, err = w.Ledger.Proven(artifact.Prod, "baidu-netdisk")
			if err != nil || well.Mutated || !slices.Contains(commits, b) {
				t.Errorf("well again, and still not one to go back to: mutated %v, %v %v", well.Mutated, commits, err)
			}
		})
	})
	t.Run("true before: failed, reverted", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.live(a)
			w.images.add(t, b, labels(b))
			w.Health = func(in workload.Instance) workload.Health {
				if in.Stamped["COMMIT"] == b.String() {
					return loggedOut(in)
				}
				return honest(in)
			}
			want(t, w.run(b), contract.DecidedReverted, fault.NotProven)
		})
	})
}

func TestOldImagesRetireAfterThreeProvenVersions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, c := range []string{"a", "b", "c", "d", "e"} {
			w.live(commit(c))
		}
		if diff := cmp.Diff([]string{a.String(), a.String(), b.String()}, sorted(texts(w.retired))); diff != "" {
			t.Error(diff)
		}
	})
}

// Dev and prod of a service share an image name on D601.
func TestWhatAnotherEnvironmentMayGoBackToIsNotRetired(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, c, "mdtodo", artifact.Prod)
		dev := worldOf(t, c, "mdtodo", artifact.Dev)
		dev.Ledger = w.Ledger
		deploy := func(w *world, env artifact.Env, commit artifact.Commit) {
			w.images.add(t, commit, w.labels(commit))
			want(t, w.reaching(t, contract.Request{Service: "mdtodo", Env: env, Commit: commit.String()}, runNow), contract.DecidedSucceeded, "")
		}
		deploy(dev, artifact.Dev, a)
		for _, c := range []string{"a", "b", "c", "d", "e"} {
			deploy(w, artifact.Prod, commit(c))
		}
		if diff := cmp.Diff([]string{b.String()}, sorted(texts(w.retired))); diff != "" {
			t.Error(diff)
		}
	})
}

func texts(commits []artifact.Commit) (s []string) {
	for _, c := range commits {
		s = append(s, c.String())
	}
	return s
}

func TestOneRunAtATime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.images.add(t, a, labels(a))
		unlock, err := w.Ledger.Lock(artifact.Prod, "baidu-netdisk", "somebody else")
		if err != nil {
			t.Fatal(err)
		}
		r := w.run(a)
		want(t, r, contract.DecidedBlocked, fault.Locked)
		plan := w.Plan(t.Context(), w.contract(a)) // it warns, though the other run has changed nothing yet
		want(t, plan, contract.DecidedBlocked, fault.Locked)
		for _, f := range []*contract.Failure{r.Failure, plan.Failure} {
			if !strings.Contains(f.Message, "somebody else") || !f.Retry {
				t.Errorf("%+v", f)
			}
		}
		unlock()
		want(t, w.Plan(t.Context(), w.contract(a)), contract.DecidedReady, "")
		want(t, w.run(a), contract.DecidedSucceeded, "")
	})
}

func TestPlanOnlyReads(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.readOnly = true
		r := w.Plan(t.Context(), w.contract(b))
		want(t, r, contract.DecidedReady, "")
		if r.Mutated || r.Plan.Next.String() != "unidesk-controller artifact-registry deploy-service --service baidu-netdisk --env prod --commit "+b.String()+" --run-now" {
			t.Errorf("mutated %v next %q", r.Mutated, r.Plan.Next)
		}
	})
}

// Waiting does not help a container that dies again and again.
func TestACrashLoopEndsTheWait(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.Health = func(in workload.Instance) workload.Health {
			if in.Stamped["COMMIT"] == b.String() {
				w.Crash()
				return workload.Health{Error: "connection refused"}
			}
			return honest(in)
		}
		r := w.run(b)
		want(t, r, contract.DecidedReverted, fault.NotProven)
		if !strings.Contains(r.Failure.Message, "restarted") || r.Seconds > 20 {
			t.Errorf("%q after %v s", r.Failure.Message, r.Seconds)
		}
	})
}

// A host that reports a revert, and runs something else, is not believed.
func TestARevertIsSeenAndNotBelieved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		img := w.images.add(t, b, labels(b))
		w.onReverted = func() { w.Put(container(b, img.Config, img.Manifest, "not the old one")) }
		w.Health = func(in workload.Instance) workload.Health {
			if in.Stamped["COMMIT"] == b.String() {
				return workload.Health{Status: 503}
			}
			return honest(in)
		}
		want(t, w.run(b), contract.DecidedRevertFailed, fault.RevertFailed)
	})
}

// What was down before need not be up after: there is nothing better to go back to.
func TestTakingBackToAVersionThatWasDown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.Stop()
		w.images.add(t, b, labels(b))
		w.Health = func(workload.Instance) workload.Health { return workload.Health{Status: 503} }
		r := w.run(b)
		want(t, r, contract.DecidedReverted, fault.NotProven)
		if w.runs() != a.String() {
			t.Errorf("runs %v", w.running())
		}
	})
}

func TestOfACommitThatIsNotPublishedTheListComesNext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, r := range []contract.Result{w.Plan(t.Context(), w.contract(b)), w.run(b)} {
			if r.Failure == nil || r.Failure.Reason != fault.ArtifactNotFound || r.Failure.Next.String() != "unidesk-controller artifact-registry list --service baidu-netdisk" {
				t.Errorf("%+v", r.Failure)
			}
		}
	})
}

// The host of a change learns while the proof lasts that its run lives.
func TestARunRenewsItsChangeWhileItIsProven(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.Health = func(workload.Instance) workload.Health { return workload.Health{Status: 503} }
		w.renewals = 0
		want(t, w.run(b), contract.DecidedReverted, fault.NotProven)
		if w.renewals != 6 { // of a proof of a minute
			t.Errorf("renewed %d times, want every ten seconds of a minute", w.renewals)
		}
	})
}
