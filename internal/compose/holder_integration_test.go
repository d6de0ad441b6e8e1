//go:build integration

package compose_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// leftHolder makes the container that a process leaves that crashes between its settlement
// and the removal.
func (w *world) leftHolder(change string) (name string) {
	w.t.Helper()
	name = "unidesk-keep-" + w.spec.Compose.ContainerName
	w.docker("create", "--name", name, "--label", "unidesk.keep="+change, "--label", "project="+w.project, "--network", "none", w.spec.Compose.Image, "/never-started")
	w.t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", name).Run() })
	return name
}

func TestAHolderThatWasLeftIsFoundAndRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	w.deploy(0, "a")
	if h := w.observe().Holds; h != nil {
		t.Errorf("%+v", h)
	}
	name := w.leftHolder("a")
	if h := w.observe().Holds; h == nil || h.Name != name || h.Change != "a" {
		t.Fatalf("%+v", h)
	}
	if err := w.target().Settle(t.Context(), w.spec.Ref, workload.Settlement{ChangeID: "a", Outcome: workload.Keep}, ignore); err != nil {
		t.Fatal(err)
	}
	w.wantNothingHeld()
	w.want(0)

	// The next deploy takes the name over, and its settlement removes the container.
	w.leftHolder("of-long-ago")
	if err := w.target().Switch(t.Context(), w.plan(1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	if seen := w.observe(); seen.Pending == nil || seen.Holds != nil {
		t.Errorf("a pending change's own is called left: %+v", seen.Holds)
	}
	w.settle("b", workload.Keep)
	w.wantNothingHeld()

	// Another container of that name is not ours.
	w.docker("create", "--name", name, "--label", "project="+w.project, "--network", "none", w.spec.Compose.Image, "/x")
	if h := w.observe().Holds; h != nil {
		t.Errorf("%+v", h)
	}
	if err := w.target().Settle(t.Context(), w.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Keep}, ignore); err != nil {
		t.Fatal(err)
	}
	w.docker("rm", name) // it is there
}

// A prune took the commit's name of an old image, and left its keep tag.
func TestAKeepTagAloneIsRetired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "", "")
	w.deploy(0, "a")
	w.deploy(1, "b")
	old := w.images[0]
	w.docker("rmi", w.spec.Compose.Image+":"+old.Commit.String())
	kept := func() string {
		return w.docker("images", "-q", "--filter", "label=project="+w.project, "--filter", "label="+artifact.LabelRevision+"="+old.Commit.String())
	}
	if kept() == "" {
		t.Fatal("no keep tag holds the old image: there is nothing to try")
	}
	s := w.keepOf(2, "c")
	s.Retire = []artifact.Commit{old.Commit}
	var told []string
	if err := w.target().Settle(t.Context(), w.spec.Ref, s, func(e workload.Event) { told = append(told, e.Text) }); err != nil {
		t.Fatal(err)
	}
	if left := kept(); left != "" || !strings.Contains(strings.Join(told, "\n"), "image "+old.Commit.Short()+" is no longer kept") {
		t.Errorf("left: %q, reported %q", left, told)
	}
	w.want(2)
}

// keepOf switches to version n and returns the settlement that keeps it.
func (w *world) keepOf(n int, id string) workload.Settlement {
	w.t.Helper()
	if err := w.target().Switch(w.t.Context(), w.plan(n, id), ignore); err != nil {
		w.t.Fatal(err)
	}
	s := workload.Settlement{ChangeID: id, Outcome: workload.Keep}
	for _, in := range w.observe().Instances {
		s.Proven = append(s.Proven, in.Copy())
	}
	return s
}
