package k3s_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func (w *world) ref(n int) string { return w.node.Ref(w.images[n].Pinned) }

func TestAllDeploymentsGoBackWhenTheLastOneFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ill("worker", 1, "CrashLoopBackOff: back-off 10s")
	w.fails(w.apply(w.change(1, "b")), fault.RolloutFailed, "worker")
	if web := w.observe().Of("web"); len(web) != 1 || web[0].Config != w.images[1].Config {
		t.Fatalf("the first one has not moved: %+v", web)
	}
	w.must(w.settle("b", workload.Revert))
	w.runs(0, was)
}

func TestAFormerImageThatIsGoneIsStagedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.apply(w.change(1, "b")))
	w.node.Remove(w.ref(0))
	pulls := w.node.Pulls()
	w.must(w.settle("b", workload.Revert))
	w.runs(0, was)
	if got := w.node.Pulls(); got != pulls+1 {
		t.Errorf("%d pulls", got-pulls)
	}
}

func TestAFormerImageIsPinnedBeforeItsPodsGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Unpin(w.ref(0))
	w.must(w.apply(w.change(1, "b")))
	got, there, err := w.node.Image(t.Context(), w.ref(0))
	if w.must(err); !there || !got.Pinned {
		t.Errorf("%v, %+v", there, got)
	}
}

func TestAFormerImageOfAnotherRegistryIsTheKubeletsToGet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.settleFirst())
	w.must(w.apply(w.change(1, "b")))
	w.must(w.settle("b", workload.Revert))
	for _, in := range w.observe().Instances {
		if in.Image != "example.invalid/placeholder:1" || !in.Running {
			t.Errorf("%+v", in)
		}
	}
}

// settleFirst puts another node in the world's place, on which no deploy was made.
func (w *world) settleFirst() error {
	w.node, w.dir = w.fresh(), w.t.TempDir()
	return w.target().Stage(w.t.Context(), w.spec.Ref, w.images[1].Pinned, w.emit)
}

func TestAFormerNameThatMeansAnotherImageIsNotBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.apply(w.change(1, "b")))
	w.node.Before = at("Restore worker", 1, func() error { w.node.Rename(w.ref(0), w.ref(2)); return nil })
	w.fails(w.settle("b", workload.Revert), fault.RevertFailed, "with config "+w.images[2].Config.String(), "rollout undo deployment/web")
}

func TestAKeyThatSomebodyElseWroteSinceStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.apply(w.change(1, "b")))
	w.node.Put("user", "of somebody else")
	w.node.Put("beside", "it")
	w.must(w.settle("b", workload.Revert))
	if got := w.node.Config(); got["user"] != "of somebody else" || got["password"] != was || got["beside"] != "it" {
		t.Errorf("%q", got)
	}
	if !w.said("somebody changed user in ConfigMap unidesk-dev/auth: it stays") {
		t.Errorf("nothing reports it: %+v", w.events)
	}
}

func TestAKeyThatWasNotThereIsNotThereAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.settleFirst())
	w.must(w.apply(w.change(1, "b")))
	if len(w.node.Config()) != 2 {
		t.Errorf("%q", w.node.Config())
	}
	w.must(w.settle("b", workload.Revert))
	if len(w.node.Config()) != 0 {
		t.Errorf("%q", w.node.Config())
	}
}

func TestWhatDidNotServeBeforeNeedNotServeAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Crash("worker")
	w.ill("worker", 0, "CrashLoopBackOff: it never runs")
	c := w.change(1, "b")
	w.must(w.apply(c))
	w.must(w.settle("b", workload.Revert))
	w.clean()
}

func TestAChangeWithoutItsValuesIsRefusedBeforeAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(1, "b")
	c.Values = workload.NewValues(map[string]string{"user": user})
	w.fails(w.apply(c), fault.InvalidRequest, "no value of password")
	w.runs(0, was)
	w.clean()
}

func TestAChangeGoesOnWithoutValuesOnlyOnceTheyAreWritten(t *testing.T) {
	t.Parallel()
	without := func(c workload.Change) workload.Change { c.Values = workload.Values{}; return c }
	for act, written := range map[string]bool{"SetConfiguration": false, "Stamp web": true, "Stamp worker": true} {
		t.Run(act, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.change(1, "b")
			w.node.Before = at(act, 1, func() error { return errCrash })
			if err := w.apply(c); err == nil {
				t.Fatal("it did not break off")
			}
			w.alive()
			if written {
				w.must(w.apply(without(c)))
				w.runs(1, password)
				return
			}
			w.fails(w.apply(without(c)), fault.InvalidRequest, "password, user are not written yet")
			other := c
			other.Values = workload.NewValues(map[string]string{"password": "quite-another", "user": user})
			w.fails(w.apply(other), fault.InvalidRequest, "password are not written yet")
			w.must(w.apply(c))
			w.runs(1, password)
		})
	}
}

func TestTheWayBackIsToldToAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.apply(w.change(1, "b")))
	w.node.Before = at("Restore web", 1, func() error { return errCrash })
	err := w.settle("b", workload.Revert)
	w.fails(err, fault.RevertFailed)
	want := strings.Join([]string{
		"# in Secret unidesk-dev/auth: put back the former value of password",
		"# in ConfigMap unidesk-dev/auth: put back the former value of user",
		"# web ran " + w.ref(0) + "; if its revision is that of change b:",
		"kubectl -n unidesk-dev rollout history deployment/web",
		"kubectl -n unidesk-dev rollout undo deployment/web",
		"# worker ran " + w.ref(0) + "; if its revision is that of change b:",
		"kubectl -n unidesk-dev rollout history deployment/worker",
		"kubectl -n unidesk-dev rollout undo deployment/worker",
		"kubectl -n unidesk-dev get deployments,pods",
	}, "\n") + "\n"
	if got := fault.HintOf(err); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if fault.ActionOf(err) != fault.Recover {
		t.Errorf("%q", fault.ActionOf(err))
	}
}

func TestWhatCannotBeSwitchedIsRefusedByTheRuleOfThePlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Scale("worker", 0)
	w.node.Settle()
	w.fails(w.apply(w.change(1, "b")), fault.WorkloadUnfit, "deployment unidesk-dev/worker replicas are 0")
	w.node.Scale("worker", 1)
	w.node.LoseSecret()
	w.fails(w.apply(w.change(1, "b")), fault.WorkloadUnfit, "secret unidesk-dev/auth is not there")
	w.clean()
}

func TestOnlyImagesThatNothingRunsAreLetGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	retire := func(n ...int) {
		t.Helper()
		var commits []artifact.Commit
		for _, i := range n {
			commits = append(commits, w.images[i].Commit)
		}
		w.must(w.runtime().Retire(t.Context(), w.spec, commits, w.emit))
	}
	has := func(n int) bool {
		_, there, err := w.node.Image(t.Context(), w.ref(n))
		w.must(err)
		return there
	}
	w.must(w.apply(w.change(1, "b")))
	w.must(w.settle("b", workload.Keep))
	w.node.Leftover("worker", w.ref(0))
	retire(0, 1, 2, 3)
	if !has(0) || !has(1) || has(2) {
		t.Errorf("0: %v, 1: %v, 2: %v", has(0), has(1), has(2))
	}
	w.node.Settle()
	retire(0)
	if has(0) {
		t.Error("0 is left")
	}
	w.node.Scale("web", 0)
	w.node.Scale("worker", 0)
	w.node.Settle()
	retire(1)
	if !has(1) {
		t.Error("what the Deployments run when they are scaled up is gone")
	}
}
