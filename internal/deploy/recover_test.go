package deploy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// killed leaves the world as a run that was killed right after its switch.
func (w *world) killed(commit artifact.Commit) {
	w.t.Helper()
	img := w.images.add(w.t, commit, w.labels(commit))
	saw := ""
	if w.running != nil {
		saw = w.running.ID
	}
	err := w.Switch(w.t.Context(), workload.Change{
		ID: "killed", Spec: w.spec, Commit: commit, Config: img.Config, Manifest: img.Manifest, Saw: saw, Holder: "a run that was killed",
	}, func(workload.Event) {})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestRecoverBringsTheOldVersionBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != deploy.TookBack || done[0].Commit != b {
			t.Fatalf("%+v, %v", done, err)
		}
		if w.running.Env["COMMIT"] != a.String() || w.pending != nil {
			t.Errorf("runs %v, pending %v", w.running, w.pending)
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
		want(t, r, deploy.DecidedSucceeded, "")
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
		want(t, r, deploy.DecidedSucceeded, "")
		if diff := cmp.Diff([]string{"reverted bbbb", "succeeded aaaa", "succeeded cccc"}, sorted(w.history())); diff != "" {
			t.Error(diff)
		}
		if r.Receipt.Before.Commit != a.String() {
			t.Errorf("before %s, want the one that was taken back to", r.Receipt.Before.Commit)
		}
	})
}

func TestPlanReportsAKilledRunAndLeavesIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		w.readOnly = true
		want(t, w.Plan(t.Context(), w.contract(b)), deploy.DecidedBlocked, fault.ChangePending)
		if w.pending == nil {
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
		want(t, r, deploy.DecidedFailed, fault.RecoveryNeeded)
		// The host kept it after all; only the answer was lost.
		w.last = &workload.Settled{ChangeID: w.pending.Change.ID, Commit: b, Outcome: workload.Keep, At: time.Now()}
		w.pending, w.failKeep = nil, nil
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != deploy.Recorded {
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
		if r := w.Verify(t.Context(), catalog.Prod, "baidu-netdisk"); r.Decision != deploy.DecidedUnchanged {
			t.Fatalf("%s: %+v", r.Decision, r.Failure)
		}
		img := w.images.add(t, b, labels(b))
		w.running = container(b, img.Config, img.Manifest, "by hand")
		want(t, w.Verify(t.Context(), catalog.Prod, "baidu-netdisk"), deploy.DecidedDrifted, fault.NotProven)
		if dev := w.Verify(t.Context(), catalog.Dev, "baidu-netdisk"); dev.Failure == nil || dev.Failure.Reason != fault.ReceiptNotFound {
			t.Errorf("dev: %+v", dev)
		}
	})
}
