package deploy_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func (w *world) wantHistory(outcomes ...string) {
	w.t.Helper()
	if diff := cmp.Diff(outcomes, sorted(w.history())); diff != "" {
		w.t.Error(diff)
	}
}

func TestAFailedRevertIsRecordedAsFailed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.Fail(confirmtest.Retag, errBoom)
		w.Fail(confirmtest.PutEnv, errBoom)
		want(t, w.run(b), contract.DecidedRevertFailed, fault.RevertFailed)
		w.wantHistory("revert-failed bbbb", "succeeded aaaa")
	})
}

// The container of the same commit that ran before is not the change's.
func TestAForcedDeployWithoutAContainerShowsNoLogs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.Fail(confirmtest.Retag, errBoom)
		r := w.Run(t.Context(), w.contract(a), true)
		if r.Decision != contract.DecidedReverted || len(r.Failure.Logs) > 0 {
			t.Errorf("%s with logs %q, want none", r.Decision, r.Failure.Logs)
		}
	})
}

// Another run makes its change after this run has looked.
func TestARunLeavesTheChangeOfAnotherRun(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		c := commit("c")
		w.images.add(t, c, labels(c))
		w.Provenance = judge(func(context.Context, provenance.Wanted) provenance.Verdict {
			if w.pending() == nil {
				w.killed(b)
			}
			return provenance.Verdict{Status: provenance.Unverified}
		})
		r := w.run(c)
		want(t, r, contract.DecidedBlocked, fault.ChangePending)
		if r.Mutated || w.pending() == nil || w.pending().Change.Image.Commit != b {
			t.Errorf("mutated %v, pending %+v", r.Mutated, w.pending())
		}
	})
}

// unheard leaves a change of b that is proven, whose receipt is pending and whose
// KEEP failed.
func (w *world) unheard() {
	w.t.Helper()
	w.live(a)
	w.images.add(w.t, b, labels(b))
	w.failKeep = errBoom
	want(w.t, w.run(b), contract.DecidedFailed, fault.RecoveryNeeded)
	w.failKeep = nil
}

func TestAReceiptOfAChangeThatItsHostTookBackSaysReverted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.unheard()
		w.end(workload.Revert)
		if _, err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.wantHistory("reverted bbbb", "succeeded aaaa")
	})
}

func TestAReceiptStaysPendingAsLongAsItsChange(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.unheard()
		w.FailStage(errBoom)
		want(t, w.run(b), contract.DecidedFailed, fault.Internal)
		w.wantHistory("succeeded aaaa")
		if pending, err := w.Ledger.Pending(); err != nil || len(pending) != 1 {
			t.Errorf("pending receipts: %v, %v, want one", pending, err)
		}
	})
}

func TestRecoverLeavesALivingRun(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		unlock, err := w.Ledger.Lock(artifact.Prod, w.service, "a run that lives")
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		done, err := w.Recover(t.Context())
		busy := func(one contract.Recovery) bool {
			return one.Service.String() == w.service && one.Action == contract.Busy
		}
		if err != nil || !slices.ContainsFunc(done, busy) || w.pending() == nil {
			t.Errorf("%+v, %v, pending %v: want it busy, and its change as it is", done, err, w.pending())
		}
	})
}

// A deploy that begins while recover looks at its service is not refused.
func TestRecoverLocksNoServiceThatHasNothingLeft(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		dir := t.TempDir()
		w.Ledger = ledger.Open(dir)
		w.live(a)
		lock, err := statefile.OpenLock(filepath.Join(dir, artifact.Prod.String(), w.service, ".lock"), 0o640)
		if err == nil {
			err = lock.Wait(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		done, err := w.Recover(t.Context())
		if err != nil || len(done) > 0 {
			t.Errorf("recover waited for the lock: %+v, %v", done, err)
		}
		if err := lock.Unlock(); err != nil {
			t.Error(err)
		}
	})
}

// cost is what staging needs.
type cost contract.Need

func (c cost) Need(context.Context, artifact.Image) (contract.Need, error) {
	return contract.Need(c), nil
}

// A registry that answers with an image for another processor is not believed.
func TestAnImageForAnotherPlatformBlocksADeploy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		image := w.images.add(t, b, labels(b))
		image.Platform.Architecture = "arm64"
		w.images[b], w.readOnly = image, true
		want(t, w.Plan(t.Context(), w.contract(b)), contract.DecidedBlocked, fault.PlatformNotFound)
		want(t, w.run(b), contract.DecidedBlocked, fault.PlatformNotFound)
	})
}

func TestAPlanWarnsOfARegistryOfTwoNames(t *testing.T) {
	for endpoint, warned := range map[string]bool{"127.0.0.1:5000": false, "127.0.0.1:5001": true} {
		inWorld(t, func(t *testing.T, w *world) {
			w.live(a)
			w.images.add(t, b, labels(b))
			w.Endpoint, w.readOnly = endpoint, true
			r := w.Plan(t.Context(), w.contract(b))
			want(t, r, contract.DecidedReady, "")
			if got := slices.ContainsFunc(r.Plan.Checks, func(c proof.Check) bool { return c.Name == "registry" && c.Warning }); got != warned {
				t.Errorf("managed at %s: a warning %t, want %t", endpoint, got, warned)
			}
		})
	}
}

func TestADiskWithoutRoomBlocksADeploy(t *testing.T) {
	for name, need := range map[string]cost{
		"the engine's": {Engine: 1<<40 + 1, SpoolFree: 1},
		"the spool's":  {Spool: 2, SpoolFree: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.live(a)
				w.images.add(t, b, labels(b))
				w.Estimator, w.readOnly = need, true
				want(t, w.Plan(t.Context(), w.contract(b)), contract.DecidedBlocked, fault.DiskFull)
				want(t, w.run(b), contract.DecidedBlocked, fault.DiskFull)
			})
		})
	}
}
