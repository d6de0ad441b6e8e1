package deploy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// killed leaves the world as a run that was killed right after its switch.
func (w *world) killed(commit artifact.Commit) {
	w.t.Helper()
	w.killedUntil(commit, time.Time{})
}

// killedUntil leaves a change that its host reverts at a deadline.
func (w *world) killedUntil(commit artifact.Commit, deadline time.Time) {
	w.t.Helper()
	img := w.images.add(w.t, commit, w.labels(commit))
	basis := w.seen().Basis
	defer func() { w.kills++ }()
	silent := func(workload.Event) {}
	if err := w.target.Stage(w.t.Context(), w.spec.Ref, img.Pinned, silent); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Switch(w.t.Context(), workload.Change{
		ID: "killed" + strings.Repeat("-again", w.kills), Ref: w.spec.Ref, Image: img.Pinned, Basis: basis, Holder: "a run that was killed",
		Stamps:   map[string]string{workload.KeyCommit: commit.String(), workload.KeyRequestedCommit: commit.String(), workload.KeyDigest: img.Manifest.String()},
		Deadline: deadline,
	}, silent); err != nil {
		w.t.Fatal(err)
	}
}

func TestRecoverBringsTheOldVersionBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != contract.TookBack || done[0].Commit != b {
			t.Fatalf("%+v, %v", done, err)
		}
		if w.runs() != a.String() || w.pending() != nil {
			t.Errorf("runs %v, pending %v", w.running(), w.pending())
		}
		if diff := cmp.Diff([]string{"reverted bbbb", "succeeded aaaa"}, w.history()); diff != "" {
			t.Error(diff)
		}
		if again, err := w.Recover(t.Context()); err != nil || len(again) != 0 {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

func TestTheSameCommandTakesItsKilledRunOver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		r := w.run(b)
		want(t, r, contract.DecidedSucceeded, "")
		if r.Receipt.ID != "killed" || r.Receipt.Before.Commit != a.String() {
			t.Errorf("receipt %s, before %s", r.Receipt.ID, r.Receipt.Before.Commit)
		}
	})
}

func TestAnotherCommitTakesAKilledRunBackFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		c := commit("c")
		w.images.add(t, c, labels(c))
		r := w.run(c)
		want(t, r, contract.DecidedSucceeded, "")
		if diff := cmp.Diff([]string{"reverted bbbb", "succeeded aaaa", "succeeded cccc"}, sorted(w.history())); diff != "" {
			t.Error(diff)
		}
		if r.Receipt.Before.Commit != a.String() {
			t.Errorf("before %s, want the one that was reverted to", r.Receipt.Before.Commit)
		}
	})
}

func TestPlanReportsAKilledRunAndLeavesIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		w.readOnly = true
		want(t, w.Plan(t.Context(), w.contract(b)), contract.DecidedBlocked, fault.ChangePending)
		if w.pending() == nil {
			t.Error("the change is gone")
		}
	})
}

func TestAKeptChangeGetsItsReceipt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.failKeep = errBoom
		r := w.run(b)
		want(t, r, contract.DecidedFailed, fault.RecoveryNeeded)
		// The host kept it after all; only the answer was lost.
		w.end(workload.Keep)
		w.failKeep = nil
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != contract.Recorded {
			t.Fatalf("%+v, %v", done, err)
		}
		if diff := cmp.Diff([]string{"succeeded aaaa", "succeeded bbbb"}, sorted(w.history())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestVerifySeesDrift(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		if r := w.Verify(t.Context(), artifact.Prod, "baidu-netdisk"); r.Decision != contract.DecidedUnchanged {
			t.Fatalf("%s: %+v", r.Decision, r.Failure)
		}
		seen, err := w.Observe(t.Context(), w.spec.Ref, false)
		if err != nil {
			t.Fatal(err)
		}
		restarted := *seen.Current()
		restarted.Restarts = 7
		w.Put(restarted)
		want(t, w.Verify(t.Context(), artifact.Prod, "baidu-netdisk"), contract.DecidedUnchanged, "") // it is well now
		img := w.images.add(t, b, labels(b))
		w.Put(container(b, img.Config, img.Manifest, "by hand"))
		want(t, w.Verify(t.Context(), artifact.Prod, "baidu-netdisk"), contract.DecidedDrifted, fault.NotProven)
		if dev := w.Verify(t.Context(), artifact.Dev, "baidu-netdisk"); dev.Failure == nil || dev.Failure.Reason != fault.ReceiptNotFound {
			t.Errorf("dev: %+v", dev)
		}
	})
}

func TestVerifySaysThatADeployGoesOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		var asked, plan contract.Result
		w.onSwitch = func() {
			plan = w.Plan(t.Context(), w.contract(b))
			asked = w.Verify(t.Context(), artifact.Prod, "baidu-netdisk")
		}
		want(t, w.run(b), contract.DecidedSucceeded, "")
		want(t, asked, contract.DecidedBusy, fault.Locked)
		want(t, plan, contract.DecidedBlocked, fault.Locked)
		for _, word := range []string{"tester", "deploy of " + b.String(), "since "} {
			if !strings.Contains(asked.Failure.Message, word) {
				t.Errorf("%q lacks %q", asked.Failure.Message, word)
			}
		}
		if !asked.Failure.Retry || !strings.Contains(asked.Failure.Next.String(), "verify") {
			t.Errorf("%+v", asked.Failure)
		}
		want(t, w.Verify(t.Context(), artifact.Prod, "baidu-netdisk"), contract.DecidedUnchanged, "")
	})
}

func TestVerifyOfAKilledRunNamesRecover(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		r := w.Verify(t.Context(), artifact.Prod, "baidu-netdisk")
		want(t, r, contract.DecidedDrifted, fault.ChangePending)
		if r.Failure.Next.String() != "unidesk-controller recover" {
			t.Errorf("next %q", r.Failure.Next)
		}
	})
}

func TestVerifyAnswersSoon(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		within time.Duration
	}{
		"stopped": {func(w *world) { w.Stop() }, time.Second},
		"removed": {func(w *world) { w.Kill() }, time.Second},
		"not well": {func(w *world) {
			w.Health = func(workload.Instance) workload.Health { return workload.Health{Status: 503} }
		}, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.live(a)
				c.change(w)
				r := w.Verify(t.Context(), artifact.Prod, "baidu-netdisk")
				want(t, r, contract.DecidedDrifted, fault.NotProven)
				if took := time.Duration(r.Seconds * float64(time.Second)); took > c.within {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

func TestAnInterruptedVerifySaysNoMoreThanThat(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		r := w.Verify(ctx, artifact.Prod, "baidu-netdisk")
		want(t, r, contract.DecidedInterrupted, fault.Interrupted)
		if r.Failure.Next.String() != "unidesk-controller verify --service baidu-netdisk --env prod" {
			t.Errorf("next %q", r.Failure.Next)
		}
	})
}

// No run came, and the host reverted the change: the next run writes that down.
func TestWhatAHostTookBackAloneGetsItsReceipt(t *testing.T) {
	for name, next := range map[string]func(w *world){
		"by recover": func(w *world) {
			done, err := w.Recover(w.t.Context())
			if err != nil || len(done) != 1 || done[0].Action != contract.Recorded || done[0].Commit != b {
				w.t.Errorf("%+v, %v", done, err)
			}
		},
		"by the next deploy": func(w *world) { want(w.t, w.run(a), contract.DecidedUnchanged, "") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.live(a)
				w.killed(b)
				w.end(workload.Revert)
				next(w)
				next = func(w *world) { _, _ = w.Recover(w.t.Context()) } // once is enough
				next(w)
				if diff := cmp.Diff([]string{"reverted bbbb", "succeeded aaaa"}, w.history()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A run that first reverts the change of another run has changed the host.
func TestAForeignChangeThatIsTakenBackIsToldAsOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		if r := w.run(a); r.Decision != contract.DecidedUnchanged || !r.Mutated {
			t.Errorf("%s, mutated %v", r.Decision, r.Mutated)
		}
	})
}

// A run that ends during a plan has left nothing.
func TestAPlanBesideARunThatEndsMayBeAskedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		w.Provenance = judge(func(context.Context, provenance.Wanted) provenance.Verdict {
			w.end(workload.Revert)
			return provenance.Verdict{Status: provenance.Unverified}
		})
		plan := w.Plan(t.Context(), w.contract(a))
		want(t, plan, contract.DecidedBlocked, fault.Locked)
		if !plan.Failure.Retry {
			t.Errorf("%+v", plan.Failure)
		}
	})
}

// A person who waits for a switched version that does not get well hears for how long the
// service has not answered, and when the revert begins.
func TestAWaitIsHeardOf(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.Health = func(workload.Instance) workload.Health { return workload.Health{Status: 503} }
		var switched time.Time
		told := map[string]bool{}
		w.Emit = func(e journal.Line) {
			if e.Point == workload.PointSwitch {
				switched = time.Now()
			}
			if _, text, ok := strings.Cut(e.Text, "no good answer for "); ok {
				told[text] = true
			}
		}
		want(t, w.run(b), contract.DecidedReverted, fault.NotProven)
		at := switched.Add(time.Minute).UTC().Format("; the revert begins at 15:04:05Z at the latest")
		for _, since := range []string{"0s", "10s", "50s"} {
			if !told[since+at] || len(told) > 7 {
				t.Errorf("%s%s: %v", since, at, told)
			}
		}
	})
}

// The time without a good answer begins with the last good answer.
func TestAnOutageBeginsWithTheLastGoodAnswer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		var switched time.Time
		w.Health = func(in workload.Instance) workload.Health {
			if since := time.Since(switched); since > 12*time.Second && since < 14*time.Second {
				return honest(in)
			}
			return workload.Health{Status: 503}
		}
		var told []string
		w.Emit = func(l journal.Line) {
			if l.Point == workload.PointSwitch {
				switched = time.Now()
			}
			_, text, _ := strings.Cut(l.Text, "no good answer for ")
			if since, _, ok := strings.Cut(text, ";"); ok && (len(told) == 0 || told[len(told)-1] != since) {
				told = append(told, since)
			}
		}
		want(t, w.run(b), contract.DecidedReverted, fault.NotProven)
		if diff := cmp.Diff([]string{"0s", "10s", "0s", "10s", "20s", "30s", "40s"}, told); diff != "" {
			t.Error(diff)
		}
	})
}

// A killed run's change is proven and its receipt prepared; the way breaks while recover
// reverts it. What became of the change is not known, and no receipt has it as reverted.
func TestNoReceiptComesInForceOfAHostThatIsNotSeen(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.killed(b)
		row, err := w.Catalog.Row(w.service)
		if err != nil {
			t.Fatal(err)
		}
		prepared := ledger.Receipt{ID: "killed", Service: row.Service, Env: artifact.Prod, Commit: b, Outcome: ledger.Succeeded}
		if err := w.Ledger.Prepare(prepared); err != nil {
			t.Fatal(err)
		}
		w.away = forever("settle")
		done, err := w.Recover(t.Context())
		if err != nil || len(done) == 0 || done[0].Action != contract.Failed || !strings.HasPrefix(done[0].Running.Text, "not known: ") {
			t.Errorf("%+v, %v", done, err)
		}
		if diff := cmp.Diff([]string{"succeeded aaaa"}, w.history()); diff != "" {
			t.Error(diff)
		}
		if left, err := w.Ledger.Pending(); err != nil || len(left) != 1 {
			t.Errorf("pending %+v, %v", left, err)
		}
	})
}

// The receipt of a change that a host reverted by itself has times of this machine, whatever
// the host's clock or record has.
func TestAHostsTimesMoveNoReceipt(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": 24 * time.Hour, "behind": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			onD601(t, func(t *testing.T, w *world) {
				began := time.Now()
				time.Sleep(time.Minute)
				seen := w.seen()
				seen.At = time.Now().Add(off)
				seen.Last = &workload.Settled{ChangeID: ledger.NewID(began), Commit: b, Outcome: workload.Revert, At: seen.At.Add(-30 * time.Second)}
				w.beside = map[string]workload.Observation{w.spec.Ref.Name(): seen}
				if done, err := w.Recover(t.Context()); err != nil || len(done) != 1 {
					t.Fatalf("%+v, %v", done, err)
				}
				all, err := w.Ledger.History(artifact.Prod, w.service)
				if err != nil || len(all) != 2 || all[0].Commit != b {
					t.Fatalf("%+v, %v", all, err)
				}
				if r := all[0]; !r.Started.Equal(began) || !r.Finished.Equal(began.Add(30*time.Second)) {
					t.Errorf("started %s, finished %s; it began at %s and took 30 s", r.Started, r.Finished, began)
				}
			})
		})
	}
}
