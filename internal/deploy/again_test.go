package deploy_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// sick makes a commit answer 503.
func (w *world) sick(commit artifact.Commit) {
	w.Health = func(in workload.Instance) workload.Health {
		if in.Stamped["COMMIT"] == commit.String() {
			return workload.Health{Status: 503}
		}
		return honest(in)
	}
}

// again is the contract of a commit with --again and a note.
func (w *world) again(commit artifact.Commit) contract.Contract {
	w.t.Helper()
	c, err := contract.NewContract(w.Catalog, contract.Request{
		Service: w.service, Commit: commit.String(), Again: true, Note: ledger.Note{Message: "once more", Link: "https://ci.example/1"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func TestAnImageWhoseProofFailedWantsAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.sick(b)
		first := w.run(b)
		want(t, first, contract.DecidedReverted, fault.NotProven)
		if !first.Receipt.ProofFailed || first.Plan.Standing != ledger.New || first.Plan.Subject != "subject of b" {
			t.Errorf("failed %v, the plan's standing %q, subject %q", first.Receipt.ProofFailed, first.Plan.Standing, first.Plan.Subject)
		}
		for reach, r := range map[string]contract.Result{
			"": w.Plan(t.Context(), w.contract(b)), "--run-now ": w.run(b),
		} {
			want(t, r, contract.DecidedBlocked, fault.FailedBefore)
			if r.Failure.Retry || r.Mutated || !strings.HasSuffix(r.Failure.Next.String(), b.String()+" "+reach+"--again") {
				t.Errorf("retryable %v, mutated %v, next %s", r.Failure.Retry, r.Mutated, r.Failure.Next)
			}
			if !strings.Contains(r.Failure.Message, first.Receipt.ID) || !strings.Contains(r.Failure.Message, "health answer is 503") {
				t.Errorf("%s", r.Failure.Message)
			}
		}
		plan := w.Plan(t.Context(), w.again(b))
		want(t, plan, contract.DecidedReady, "")
		if plan.Plan.Standing != ledger.RolledBack {
			t.Errorf("standing %q", plan.Plan.Standing)
		}
		if !strings.HasSuffix(plan.Plan.Next.String(), "--run-now --again") {
			t.Errorf("next: %s", plan.Plan.Next)
		}
		w.Health = honest
		r := w.Run(t.Context(), w.again(b), false)
		want(t, r, contract.DecidedSucceeded, "")
		if r.Receipt.Message != "once more" || r.Receipt.Link != "https://ci.example/1" || r.Receipt.Schema != 2 {
			t.Errorf("%+v", r.Receipt)
		}
		want(t, w.run(a), contract.DecidedSucceeded, "")
		want(t, w.run(b), contract.DecidedSucceeded, "") // its last proof held
	})
}

// An image that is pushed again under the same tag is another image, without a history.
func TestAnotherImageOfTheCommitDoesNotWantAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.sick(b)
		want(t, w.run(b), contract.DecidedReverted, fault.NotProven)
		w.Health = honest
		w.pushAnew(b)
		want(t, w.run(b), contract.DecidedSucceeded, "")
	})
}

func TestWhatIsNotTheVersionsDoesNotWantAgain(t *testing.T) {
	for name, arrange := range map[string]func(w *world){
		"the way is cut":           func(w *world) { w.away = times("switched", 0, 1) },
		"a full disk":              func(w *world) { w.Fail(confirmtest.Retag, fault.New(fault.DiskFull, "no room")) },
		"an engine that fails":     func(w *world) { w.Fail(confirmtest.Start, fault.New(fault.EngineFailed, "no")) },
		"a cluster that refuses":   func(w *world) { w.Fail(confirmtest.Retag, fault.New(fault.RolloutFailed, "no right")) },
		"an end of the host's own": func(w *world) { w.onSwitch = func() { time.Sleep(time.Hour) } },
	} {
		t.Run(name, func(t *testing.T) {
			onD601(t, func(t *testing.T, w *world) {
				arrange(w)
				if r := w.run(b); r.Decision != contract.DecidedReverted || r.Receipt == nil || r.Receipt.ProofFailed {
					t.Fatalf("%s: %+v", r.Decision, r.Failure)
				}
				w.away, w.onSwitch = nil, nil
				w.Fail(confirmtest.Retag, nil)
				w.Fail(confirmtest.Start, nil)
				want(t, w.run(b), contract.DecidedSucceeded, "")
			})
		})
	}
}

// A version that was kept degraded is proven again while it runs. Going back to it from
// another version needs --again.
func TestADegradedVersionWantsAgainOnlyOnceItIsReplaced(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.images.add(t, b, labels(b))
		w.Health = func(in workload.Instance) workload.Health {
			h := honest(in)
			h.Flags["auth.loggedIn"] = false
			return h
		}
		want(t, w.run(b), contract.DecidedDegraded, "")
		want(t, w.Run(t.Context(), w.contract(b), true), contract.DecidedDegraded, "")
		w.Health = honest
		w.live(a)
		want(t, w.run(b), contract.DecidedBlocked, fault.FailedBefore)
	})
}

func TestARevertKeepsTheLastLinesAndTheOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.sick(b)
		r := w.run(b)
		want(t, r, contract.DecidedReverted, fault.NotProven)
		got, err := w.Ledger.Get(r.Receipt.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Logs) != 1 || !strings.HasPrefix(got.Logs[0], "hello from ") {
			t.Errorf("logs %q", got.Logs)
		}
		timeout := w.contract(b).Environment().Timeout.Seconds()
		if got.DownSeconds < timeout || got.DownSeconds > r.Seconds {
			t.Errorf("down for %v s of %v s, and it was waited for %v s", got.DownSeconds, r.Seconds, timeout)
		}
	})
}

// The last lines of a pod are kept as those of a container are.
func TestARevertOfARolloutKeepsTheLastLines(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, c, "frontend", artifact.Dev)
		w.images.add(t, a, w.labels(a))
		w.images.add(t, b, w.labels(b))
		req := contract.Request{Service: "frontend", Env: artifact.Dev, Commit: a.String()}
		want(t, w.reaching(t, req, runNow), contract.DecidedSucceeded, "")
		w.sick(b)
		req.Commit = b.String()
		r := w.reaching(t, req, runNow)
		want(t, r, contract.DecidedReverted, fault.NotProven)
		if r.Receipt == nil || len(r.Receipt.Logs) != 1 || !r.Receipt.ProofFailed || !r.Receipt.ComposeHash.IsZero() {
			t.Errorf("%+v", r.Receipt)
		}
	})
}

func TestASuccessKeepsNoLinesAndItsOwnOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.images.add(t, a, labels(a))
		w.images.add(t, b, labels(b))
		var up time.Time
		w.Health = func(in workload.Instance) workload.Health {
			if time.Now().Before(up) {
				return workload.Health{Status: 503}
			}
			return honest(in)
		}
		w.onSwitch = func() { up = time.Now().Add(18 * time.Second); time.Sleep(2 * time.Second) } // without a look
		if r := w.run(a); r.Receipt == nil || r.Receipt.DownSeconds != 0 {
			t.Errorf("nothing ran before, and it was down for %v s", r.Receipt.DownSeconds)
		}
		r := w.run(b)
		want(t, r, contract.DecidedSucceeded, "")
		if d := r.Receipt.DownSeconds; d < 18 || d > 19 || r.Receipt.Logs != nil || r.Receipt.ProofFailed {
			t.Errorf("down for %v s, want 18 and at most a look more; logs %q", d, r.Receipt.Logs)
		}
	})
}

func TestWhatAKilledRunLeftKeepsItsLastLines(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		if _, err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := w.Ledger.History(artifact.Prod, w.service)
		if err != nil || len(all) != 2 || len(all[0].Logs) != 1 || all[0].ProofFailed {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

func TestGoingBackSaysThatTheDefinitionWasEdited(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Define(artifact.DigestOf([]byte("one")))
		w.live(a)
		w.live(b)
		if r := w.Plan(t.Context(), w.contract(a)); warned(r) != "" {
			t.Errorf("nothing was edited: %s", warned(r))
		}
		w.Define(artifact.DigestOf([]byte("two")))
		if r := w.Plan(t.Context(), w.contract(a)); !strings.Contains(warned(r), "is not what it was when aaaaaaaaaaaa was proven") {
			t.Errorf("warned of %q", warned(r))
		}
		r := w.run(a)
		want(t, r, contract.DecidedSucceeded, "")
		if r.Receipt.ComposeHash != artifact.DigestOf([]byte("two")) || len(r.Warnings) != 1 || len(r.Receipt.Warnings) != 1 {
			t.Errorf("hash %s, warnings %q", r.Receipt.ComposeHash, r.Warnings)
		}
	})
}

// warned is the detail of a plan's warning about the definition.
func warned(r contract.Result) string {
	for _, c := range r.Plan.Checks {
		if c.Name == "compose definition" && c.OK && c.Warning {
			return c.Detail
		}
	}
	return ""
}
