package deploy_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// hosts are several services on a machine.
type hosts map[string]*host

func (h hosts) of(_ context.Context, ref workload.Ref) (workload.Target, error) {
	if one, ok := h[ref.Name()]; ok {
		return one, nil
	}
	return nil, fault.New(fault.WorkloadNotFound, "no service %s", ref.Name())
}

// reconciled is a master that runs these services, each with an image of its own
// at a commit of its own.
func reconciled(t *testing.T, services map[string]artifact.Commit) (*world, hosts) {
	t.Helper()
	w := newWorld(t)
	all := hosts{}
	for service, commit := range services {
		row, err := w.Catalog.Row(service)
		if err != nil {
			t.Fatal(err)
		}
		all[service] = newHost(t, row.Spec(artifact.Prod, "unidesk"), row.Labels)
		w.images.add(t, commit, row.Labels(commit))
	}
	w.Targets = map[string]workload.Target{catalog.Master: workload.Via(all.of)}
	return w, all
}

func outcomes(r contract.Reconciliation) (lines []string) {
	for _, s := range r.Services {
		line := s.Service + " " + string(s.Outcome)
		if s.Result != nil {
			line += " " + string(s.Result.Decision)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestApplyWithoutAServiceDoesWhatMayBeDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, all := reconciled(t, map[string]artifact.Commit{"backend-core": a, "frontend": b})
		wanted := map[string]string{
			"backend-core": a.String(), "frontend": b.String(), "code-queue": a.String(), "code-queue-mgr": a.String(), "stranger": "main",
		}
		candidates := contract.Candidates(w.Catalog, artifact.Prod, wanted, contract.Request{Entry: contract.ByDeployApply})
		plan := contract.LookAll(artifact.Prod, candidates, contract.DryRun)
		if plan.Decision != contract.DecidedIncomplete { // code-queue and the stranger
			t.Errorf("dry run: %s %v", plan.Decision, outcomes(plan))
		}
		r := w.ApplyAll(t.Context(), artifact.Prod, candidates, false)
		if diff := cmp.Diff([]string{
			"backend-core done succeeded", "code-queue skipped unsupported", "code-queue-mgr skipped gated",
			"frontend done succeeded", "stranger skipped refused",
		}, outcomes(r)); diff != "" {
			t.Error(diff)
		}
		if r.OK || r.Decision != contract.DecidedIncomplete {
			t.Errorf("%v %s", r.OK, r.Decision)
		}
		if all["frontend"].runs() != b.String() {
			t.Errorf("runs %v", all["frontend"].runs())
		}
		delete(wanted, "code-queue")
		delete(wanted, "code-queue-mgr")
		delete(wanted, "stranger")
		again := w.ApplyAll(t.Context(), artifact.Prod, contract.Candidates(w.Catalog, artifact.Prod, wanted, contract.Request{Entry: contract.ByDeployApply}), false)
		if !again.OK || again.Decision != contract.DecidedUnchanged {
			t.Errorf("again: %s %v", again.Decision, outcomes(again))
		}
	})
}

func TestAFailureStopsTheRest(t *testing.T) {
	t.Run("in the guardrail, while nothing is touched", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, all := reconciled(t, map[string]artifact.Commit{"backend-core": a, "frontend": b})
			for _, h := range all {
				h.readOnly = true
			}
			wanted := map[string]string{"backend-core": a.String(), "frontend": commit("c").String(), "todo-note": a.String()}
			r := w.ApplyAll(t.Context(), artifact.Prod, contract.Candidates(w.Catalog, artifact.Prod, wanted, contract.Request{Entry: contract.ByDeployApply}), false)
			if diff := cmp.Diff([]string{"backend-core not-reached", "frontend failed blocked", "todo-note not-reached"}, outcomes(r)); diff != "" || r.OK || r.Decision != contract.DecidedBlocked {
				t.Errorf("%v %s %s", r.OK, r.Decision, diff)
			}
		})
	})
	t.Run("in a run", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, all := reconciled(t, map[string]artifact.Commit{"backend-core": a, "frontend": b, "project-manager": commit("c")})
			all["frontend"].Health = func(workload.Instance) workload.Health { return workload.Health{Status: 503} }
			wanted := map[string]string{"backend-core": a.String(), "frontend": b.String(), "project-manager": commit("c").String()}
			r := w.ApplyAll(t.Context(), artifact.Prod, contract.Candidates(w.Catalog, artifact.Prod, wanted, contract.Request{Entry: contract.ByDeployApply}), false)
			if diff := cmp.Diff([]string{"backend-core done succeeded", "frontend failed reverted", "project-manager not-reached"}, outcomes(r)); diff != "" || r.OK || r.Decision != contract.DecidedReverted {
				t.Errorf("%v %s %s", r.OK, r.Decision, diff)
			}
		})
	})
	t.Run("a commit that is none, unquoted", func(t *testing.T) {
		t.Parallel()
		w, _ := reconciled(t, nil)
		r := w.ApplyAll(t.Context(), artifact.Prod, contract.Candidates(w.Catalog, artifact.Prod, map[string]string{"frontend": "hunter2"}, contract.Request{}), false)
		f := r.Services[0].Result.Failure
		if r.Decision != contract.DecidedRefused || f.Reason != fault.CommitNotPinned || strings.Contains(f.Message+f.Hint, "hunter2") || f.Next.String() != "unidesk-controller artifact-registry list --service frontend" {
			t.Errorf("%s %+v", r.Decision, f)
		}
		r = w.ApplyAll(t.Context(), artifact.Prod, contract.Candidates(w.Catalog, artifact.Prod, map[string]string{"stranger": a.String()}, contract.Request{}), false)
		if f := r.Services[0].Result.Failure; f.Next.String() != "unidesk-controller services" {
			t.Errorf("a stranger: %+v", f)
		}
	})
}

func TestApplyPassesTheGuardrailAndTakesItsKilledRunOver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.readOnly = true
		want(t, w.Apply(t.Context(), w.contract(b), false), contract.DecidedBlocked, fault.ArtifactNotFound)
		w.readOnly = false
		w.killed(b)
		r := w.Apply(t.Context(), w.contract(b), false)
		want(t, r, contract.DecidedSucceeded, "")
		if r.Receipt.ID != "killed" {
			t.Errorf("receipt %s", r.Receipt.ID)
		}
	})
}

func TestDiffComparesWantedProvenAndLive(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.live(b)
		w.readOnly = true
		diff := func(commit artifact.Commit) contract.Comparison {
			t.Helper()
			all := contract.Candidates(w.Catalog, artifact.Prod, map[string]string{"baidu-netdisk": commit.String()}, contract.Request{})
			c, err := w.Diff(t.Context(), artifact.Prod, all)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		if c := diff(b); !c.Equal || c.Services[0].Older {
			t.Errorf("equal: %+v", c)
		}
		if c := diff(a); c.Equal || !c.Services[0].Older || !strings.HasPrefix(c.Services[0].Note, "going back: this commit was proven earlier, at 20") || c.Services[0].ProvenCommit() != b.String() || c.Services[0].Running.Commit != b.String() {
			t.Errorf("an older one is wanted: %+v", c)
		}
		img := w.images.add(t, commit("c"), labels(commit("c")))
		w.Put(container(commit("c"), img.Config, img.Manifest, "by hand"))
		if c := diff(b); c.Equal || c.Services[0].Running.Commit != commit("c").String() {
			t.Errorf("another one runs: %+v", c)
		}
		foreign := container(commit("c"), img.Config, img.Manifest, "by hand")
		foreign.Stamped["COMMIT"] = b.String()
		w.Put(foreign)
		if c := diff(b); c.Equal || c.Services[0].Running.Commit != commit("c").String() || !strings.Contains(c.Services[0].Note, "its environment says "+b.String()) {
			t.Errorf("its environment names another: %+v", c)
		}
		w.Stop()
		if c := diff(b); c.Equal || c.Services[0].Running.Commit != "" || !strings.Contains(c.Services[0].Note, "does not run "+commit("c").String()+" (its environment says "+b.String()+"): exit code 0") {
			t.Errorf("nothing runs: %+v", c)
		}
		gone, err := w.Diff(t.Context(), artifact.Prod, contract.Candidates(w.Catalog, artifact.Prod, map[string]string{
			"code-queue": a.String(), "findjob": a.String(), "stranger": a.String(),
		}, contract.Request{}))
		if err != nil || gone.Equal {
			t.Fatalf("%+v, %v", gone, err)
		}
		for _, s := range gone.Services {
			if s.Equal || s.Note == "" || s.Wanted != a.String() || s.Running.Known {
				t.Errorf("%+v", s)
			}
		}
		if c := diff(b); !c.Services[0].Running.Known {
			t.Errorf("a stopped one is known: %+v", c)
		}
		w.Targets[catalog.Master] = workload.Via(func(context.Context, workload.Ref) (workload.Target, error) {
			return nil, fault.Transient(fault.HostUnreachable, "no answer")
		})
		if c := diff(b); c.Equal || c.Services[0].Running.Known || c.Services[0].ProvenCommit() != b.String() {
			t.Errorf("nobody answers: %+v", c)
		}
	})
}

// An older commit is reported as older, before and after.
func TestGoingBackIsSaidToBeGoingBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.live(b)
		if plan := w.Plan(t.Context(), w.contract(a)); !plan.Older {
			t.Error("the plan does not report that a is older")
		}
		if plan := w.Plan(t.Context(), w.contract(b)); plan.Older {
			t.Error("the plan reports that b is older")
		}
		r := w.run(a)
		want(t, r, contract.DecidedSucceeded, "")
		if !r.Older {
			t.Error("the result does not report that a is older")
		}
		if plan := w.Plan(t.Context(), w.contract(b)); plan.Older { // going forward again
			t.Error("the plan reports that b is older than a")
		}
		if r := w.run(b); r.Older {
			t.Error("the result reports that b is older than a")
		}
		if plan := w.Plan(t.Context(), w.contract(a)); !plan.Older {
			t.Error("the plan no longer reports that a is older")
		}
	})
}

// A silent host keeps no other from being recovered.
func TestRecoverGoesOnWithoutAHostThatIsSilent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		asked := 0
		w.Targets["D601"] = workload.Via(func(context.Context, workload.Ref) (workload.Target, error) {
			asked++
			return nil, fault.Transient(fault.HostUnreachable, "no answer")
		})
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 2 || asked != 1 {
			t.Fatalf("%+v, %v, asked %d times", done, err, asked)
		}
		if done[0].Action != contract.TookBack || done[1].Action != contract.Unreached || done[1].Failure.Reason != fault.HostUnreachable {
			t.Errorf("%+v", done)
		}
	})
}

// Plan skips what apply skips, and does not fail on it; each point is reported with its service.
func TestPlanAndApplyAgreeAboutWhatAGateStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := reconciled(t, map[string]artifact.Commit{"frontend": b, "code-queue-mgr": a})
		wanted := map[string]string{"frontend": b.String(), "code-queue-mgr": commit("c").String()} // c is not published
		all := contract.Candidates(w.Catalog, artifact.Prod, wanted, contract.Request{Entry: contract.ByDeployApply})
		plan := contract.LookAll(artifact.Prod, all, func(c contract.Contract) contract.Result { return w.Plan(t.Context(), c) })
		if diff := cmp.Diff([]string{"code-queue-mgr skipped blocked", "frontend done ready"}, outcomes(plan)); diff != "" || plan.Decision != contract.DecidedIncomplete {
			t.Errorf("%s %s", plan.Decision, diff)
		}
		var told []string
		w.Emit = func(e journal.Line) {
			if e.Point == workload.PointGuard {
				told = append(told, e.Text)
			}
		}
		if r := w.ApplyAll(t.Context(), artifact.Prod, all, false); r.Decision != contract.DecidedIncomplete {
			t.Errorf("apply: %s %v", r.Decision, outcomes(r))
		}
		if said := strings.Join(told, "\n"); !strings.Contains(said, "frontend bbbbbbbbbbbb is looked at") || !strings.Contains(said, "frontend bbbbbbbbbbbb goes live") {
			t.Error(said)
		}
	})
}
