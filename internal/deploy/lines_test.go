package deploy_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// told collects the lines of what is done from here on.
func (w *world) told() *[]journal.Line {
	var lines []journal.Line
	w.Emit = func(l journal.Line) { lines = append(lines, l) }
	return &lines
}

// ends returns the services whose runs ended, with how. Each run has a single end, and
// it is its last line.
func ends(t *testing.T, lines []journal.Line) (all []string) {
	t.Helper()
	over := map[string]bool{}
	for _, l := range lines {
		if l.Run == "" {
			if l.End != nil {
				t.Errorf("the end of no run: %+v", l)
			}
			continue
		}
		if _, made := ledger.Made(l.Run); !made || over[l.Run] || l.Who != "tester" || l.Time.IsZero() {
			t.Errorf("%+v", l)
		}
		if l.End != nil {
			over[l.Run] = true
			all = append(all, strings.TrimSpace(strings.Join([]string{l.Service.String(), l.End.Outcome, string(l.End.Reason)}, " ")))
		}
	}
	return all
}

func TestEachLineOfARunNamesItAndTheLastItsEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.images.add(t, a, labels(a))
		lines := w.told()
		r := w.run(a)
		want(t, r, contract.DecidedSucceeded, "")
		points := map[workload.Point]bool{}
		for _, l := range *lines {
			points[l.Point] = true
			if l.Run != r.Receipt.ID || l.Commit != a || l.Service.String() != w.service || l.Env != artifact.Prod {
				t.Errorf("%+v", l)
			}
		}
		for _, p := range []workload.Point{workload.PointGuard, workload.PointSwitch, workload.PointProve, workload.PointRecord} {
			if !points[p] {
				t.Errorf("no line of %s", p)
			}
		}
		if end := (*lines)[len(*lines)-1].End; end == nil || end.Receipt != r.Receipt.ID {
			t.Errorf("%+v", end)
		}
		if diff := cmp.Diff([]string{"baidu-netdisk succeeded"}, ends(t, *lines)); diff != "" {
			t.Error(diff)
		}
	})
}

// What is refused before the switch is an attempt, too.
func TestAnAttemptThatIsRefusedHasItsEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		lines := w.told()
		want(t, w.run(a), contract.DecidedBlocked, fault.ArtifactNotFound)
		want(t, w.Apply(t.Context(), w.contract(a), false), contract.DecidedBlocked, fault.ArtifactNotFound)
		w.images.add(t, a, labels(a))
		unlock, err := w.Ledger.Lock(artifact.Prod, w.service, "somebody else")
		if err != nil {
			t.Fatal(err)
		}
		want(t, w.run(a), contract.DecidedBlocked, fault.Locked)
		unlock()
		wanted := []string{"baidu-netdisk blocked ARTIFACT_NOT_FOUND", "baidu-netdisk blocked ARTIFACT_NOT_FOUND", "baidu-netdisk blocked LOCKED"}
		if diff := cmp.Diff(wanted, ends(t, *lines)); diff != "" {
			t.Error(diff)
		}
	})
}

// What only looks, or changes no service, is no run.
func TestAQuestionIsNoRun(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		lines := w.told()
		want(t, w.Plan(t.Context(), w.contract(b)), contract.DecidedReady, "")
		want(t, w.Verify(t.Context(), artifact.Prod, w.service), contract.DecidedUnchanged, "")
		want(t, w.prefetch(t, contract.Request{Service: w.service, Commit: b.String()}), contract.DecidedStaged, "")
		if got := ends(t, *lines); len(got) > 0 || len(*lines) == 0 {
			t.Errorf("%q, of %d lines", got, len(*lines))
		}
		for _, l := range *lines {
			if l.Run != "" || l.Service.String() != w.service {
				t.Errorf("%+v", l)
			}
		}
	})
}

func TestARecoveryIsARunIfThereWasSomethingToEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		lines := w.told()
		if _, err := w.Recover(t.Context()); err != nil || len(*lines) > 0 {
			t.Fatalf("%+v, %v", *lines, err)
		}
		w.killedIn("prod", w.service)
		unlock, err := w.Ledger.Lock(artifact.Prod, w.service, "another run")
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(5*time.Second, unlock)
		if _, err := w.deployer().Heeding(false, time.Minute).Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"baidu-netdisk unchanged"}, ends(t, *lines)); diff != "" { // it reported its wait
			t.Error(diff)
		}
		*lines = nil
		w.killed(b)
		if _, err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		last := (*lines)[len(*lines)-1]
		if diff := cmp.Diff([]string{"baidu-netdisk took-back"}, ends(t, *lines)); diff != "" || last.Commit != b || last.End.Receipt != "killed" {
			t.Errorf("%+v %s", last, diff)
		}
	})
}

// Each service that a gate stops, that a check stops or that goes live has a run of its own,
// whose lines name no other service.
func TestEachServiceOfAnEnvironmentHasItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := reconciled(t, map[string]artifact.Commit{"frontend": b, "code-queue-mgr": a})
		lines := w.told()
		all := contract.Candidates(w.Catalog, artifact.Prod, map[string]string{"frontend": b.String(), "code-queue-mgr": a.String()}, contract.Request{Entry: contract.ByDeployApply})
		if r := w.ApplyAll(t.Context(), artifact.Prod, all, false); r.Decision != contract.DecidedIncomplete {
			t.Fatalf("%s %v", r.Decision, outcomes(r))
		}
		if diff := cmp.Diff([]string{"code-queue-mgr gated SUPERVISOR_REQUIRED", "frontend succeeded"}, sorted(ends(t, *lines))); diff != "" {
			t.Error(diff)
		}
		for _, l := range *lines {
			if of := map[artifact.Commit]string{a: "code-queue-mgr", b: "frontend"}[l.Commit]; l.Service.String() != of {
				t.Errorf("%+v", l)
			}
		}
		*lines = nil
		all = contract.Candidates(w.Catalog, artifact.Prod, map[string]string{"frontend": commit("c").String()}, contract.Request{Entry: contract.ByDeployApply})
		if r := w.ApplyAll(t.Context(), artifact.Prod, all, false); r.Decision != contract.DecidedBlocked {
			t.Fatalf("%s %v", r.Decision, outcomes(r))
		}
		if diff := cmp.Diff([]string{"frontend blocked ARTIFACT_NOT_FOUND"}, ends(t, *lines)); diff != "" {
			t.Error(diff)
		}
	})
}
