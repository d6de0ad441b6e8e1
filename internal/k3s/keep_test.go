package k3s_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// keep settles the change "b" with what was proven.
func (w *world) keep(proven []workload.Copy) error {
	w.t.Helper()
	return w.target().Settle(w.t.Context(), w.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Keep, Proven: proven}, w.emit)
}

// An edit leaves the change's id in the template: neither is it kept, nor overwritten.
func TestAnEditThatLeavesTheChangesIDStays(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"web", "worker"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must(w.apply(w.change(1, "b")))
			w.node.Edit(name, "LEVEL", "debug")
			w.node.Settle()
			w.fails(w.keep(proof.Restored(w.observe())), fault.Stale, "somebody changed the pod template of Deployment unidesk-dev/"+name)
			w.must(w.settle("b", workload.Revert))
			seen := w.observe()
			for _, in := range seen.Instances {
				if n := map[bool]int{true: 1, false: 0}[in.Unit == name]; in.Config != w.images[n].Config || !in.Running {
					t.Errorf("want version %d: %+v", n, in)
				}
			}
			left := seen.Last.Left
			if len(left) != 1 || left[0].Unit != name {
				t.Fatalf("left: %+v", left)
			}
			for _, words := range []string{"Deployment unidesk-dev/" + name, "runs " + w.ref(1), "before it ran " + w.ref(0), "kubectl rollout history -n unidesk-dev deployment/" + name} {
				if !strings.Contains(left[0].Why, words) {
					t.Errorf("%q lacks %q", left[0].Why, words)
				}
			}
		})
	}
}

func TestAnEditWhileADeploymentRollsOutEndsTheSwitch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Before = at("Deployments", 6, func() error { w.node.Edit("web", "LEVEL", "debug"); return nil })
	w.fails(w.apply(w.change(1, "b")), fault.Stale, "somebody changed the pod template of Deployment unidesk-dev/web")
}

func TestAChangeDoesNotGoOnOverAnEdit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(1, "b")
	w.node.Before = at("Stamp worker", 1, func() error { return errCrash })
	if err := w.apply(c); err == nil {
		t.Fatal("it did not break off")
	}
	w.alive()
	w.node.Edit("web", "LEVEL", "debug")
	w.fails(w.apply(c), fault.Stale, "somebody changed the pod template of Deployment unidesk-dev/web")
}

func TestWhatAWebhookMadeOfTheChangeIsPutBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Admit = func(string) string { return "elsewhere.invalid/image:1" }
	w.fails(w.apply(w.change(1, "b")), fault.WorkloadUnfit, "elsewhere.invalid/image:1")
	w.must(w.settle("b", workload.Revert))
	w.node.Settle()
	w.runs(0, was)
}

func TestTheProvenTemplateIsKeptWhateverItsPodsDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from int
		then func(w *world)
		want fault.Reason
	}{
		"nothing":                    {then: func(*world) {}},
		"scaled up":                  {then: func(w *world) { w.node.Scale("web", 3); w.node.Settle() }},
		"scaling up":                 {then: func(w *world) { w.node.Scale("web", 3) }},
		"scaled down":                {from: 3, then: func(w *world) { w.node.Scale("web", 1); w.node.Settle() }},
		"pods are replaced":          {then: func(w *world) { w.node.Evict("web"); w.node.Settle() }},
		"scaled to 0":                {then: func(w *world) { w.node.Scale("web", 0); w.node.Settle() }, want: fault.Stale},
		"no pod runs":                {then: func(w *world) { w.node.Crash("web") }, want: fault.Stale},
		"a pod of another revision":  {then: func(w *world) { w.node.Leftover("web", w.ref(0)) }, want: fault.Stale},
		"the name of another image":  {then: func(w *world) { w.node.Rename(w.ref(1), w.ref(2)); w.node.Evict("web"); w.node.Settle() }, want: fault.Stale},
		"a Deployment was made anew": {then: func(w *world) { w.node.Recreate("web") }, want: fault.Stale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.node.Scale("web", max(1, c.from))
			w.must(w.apply(w.change(1, "b")))
			w.node.Settle()
			proven := proof.Restored(w.observe())
			c.then(w)
			if err := w.keep(proven); err != nil && c.want == "" || fault.ReasonOf(err) != c.want && c.want != "" {
				t.Errorf("%v, want %q", err, c.want)
			}
			if pending := w.observe().Pending != nil; pending != (c.want != "") {
				t.Errorf("pending: %v", pending)
			}
			if c.want == "" && slices.ContainsFunc(w.observe().Instances, func(in workload.Instance) bool { return in.Config != w.images[1].Config && in.Running }) {
				t.Error("another version runs")
			}
		})
	}
}

func TestAChangeThatLostADeploymentIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.apply(w.change(1, "b")))
	proven := proof.Restored(w.observe())
	w.node.Delete("worker")
	w.fails(w.keep(proven), fault.Stale, "Deployment unidesk-dev/worker")
}

// A policy may refuse by now what the patch once made: the dry run then shows nothing.
func TestATemplateThatCannotBeMadeAgainIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.apply(w.change(1, "b")))
	w.node.Before = func(act string) error {
		if act == "Bears web" {
			return fault.New(fault.RolloutFailed, "the cluster refuses the change")
		}
		return nil
	}
	w.fails(w.keep(proof.Restored(w.observe())), fault.Stale, "Deployment unidesk-dev/web")
	w.must(w.settle("b", workload.Revert))
	left := w.observe().Last.Left
	if len(left) != 1 || left[0].Unit != "web" {
		t.Errorf("left: %+v", left)
	}
}

func TestAWarningIsRecordedOnceHoweverOftenAWriteIsTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.apply(w.change(1, "b")))
	w.node.Put("user", "of somebody else")
	w.node.Before = at("SetConfiguration", 1, func() error { w.node.Put("beside", "it"); return nil })
	w.must(w.settle("b", workload.Revert))
	if left := w.observe().Last.Left; len(left) != 1 || !strings.Contains(left[0].Why, "set it by hand") {
		t.Errorf("left: %+v", left)
	}
}
