//go:build integration

package compose_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func ignore(workload.Event) {}

// plan is a change to version n.
func (w *world) plan(n int, id string) workload.Change {
	w.t.Helper()
	img := w.images[n]
	if err := w.target().Stage(w.t.Context(), w.spec.Ref, img.Pinned, ignore); err != nil {
		w.t.Fatal(err)
	}
	c := workload.Change{
		ID: id, Ref: w.spec.Ref, Image: img.Pinned, Holder: "a test", Stamps: map[string]string{},
	}
	for _, k := range workload.Keys() {
		c.Stamps[k] = id + "-" + strings.ToLower(k)
	}
	c.Stamps[workload.KeyCommit] = img.Commit.String()
	for _, in := range w.observe().Instances {
		if in.Name == w.spec.Compose.ContainerName {
			c.Basis = workload.Basis(in.ID)
		}
	}
	return c
}

func (w *world) observe() workload.Observation {
	w.t.Helper()
	seen, err := w.target().Observe(w.t.Context(), w.spec.Ref, false)
	if err != nil {
		w.t.Fatalf("%v (%s)", err, fault.HintOf(err))
	}
	return seen
}

func (w *world) settle(id string, o workload.Outcome) {
	w.t.Helper()
	s := workload.Settlement{ChangeID: id, Outcome: o}
	if o == workload.Keep {
		for _, in := range w.observe().Instances {
			s.Proven = append(s.Proven, in.Copy())
		}
	}
	if err := w.target().Settle(w.t.Context(), w.spec.Ref, s, ignore); err != nil {
		w.t.Fatalf("%v (%s)", err, fault.HintOf(err))
	}
}

func (w *world) deploy(n int, id string) workload.Instance {
	w.t.Helper()
	if err := w.target().Switch(w.t.Context(), w.plan(n, id), ignore); err != nil {
		w.t.Fatalf("%v (%s)", err, fault.HintOf(err))
	}
	w.settle(id, workload.Keep)
	return w.want(n)
}

// want fails unless version n runs, alone, from a whole env file, with its names in
// their place and the service beside it as it was.
func (w *world) want(n int) workload.Instance {
	w.t.Helper()
	seen, img := w.observe(), w.images[n]
	if seen.Pending != nil || len(seen.Instances) != 1 {
		w.t.Fatalf("pending %+v, containers %+v", seen.Pending, seen.Instances)
	}
	in := seen.Instances[0]
	if in.Name != w.spec.Compose.ContainerName || !in.Running || in.Config != img.Config || in.Stamped[workload.KeyCommit] != img.Commit.String() {
		w.t.Fatalf("want version %d: %+v", n, in)
	}
	if seen.Stamped[workload.KeyCommit] != img.Commit.String() {
		w.t.Fatalf("want version %d: the env file has %v", n, seen.Stamped)
	}
	if got := w.docker("image", "inspect", "-f", "{{.Id}}", w.spec.Compose.Image); got != in.ImageID {
		w.t.Fatalf("%s is %s, the container's image %s", w.spec.Compose.Image, got, in.ImageID)
	}
	w.wantBeside()
	return in
}

// beside starts the service beside, as the user has it.
func (w *world) beside() {
	w.t.Helper()
	w.plan(0, "none")
	w.docker("tag", w.spec.Compose.Image+":"+w.images[0].Commit.String(), w.spec.Compose.Image+"-beside")
	w.docker("compose", "--project-directory", w.root, "-p", w.project, "--env-file", w.config.EnvFile, "up", "-d", "--no-build", "--no-deps", "beside")
	w.besideID = w.docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", w.project+"-beside")
}

func (w *world) wantBeside() {
	w.t.Helper()
	if w.besideID == "" {
		return
	}
	if got := w.docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", w.project+"-beside"); got != w.besideID {
		w.t.Fatalf("the service beside was touched: %s, was %s", got, w.besideID)
	}
}

// moments are the points at which a switch is killed: at each of its points, and in the
// middle of Compose's work, while the old container, which does not listen, is stopped.
func moments() []order {
	all := []order{
		{At: workload.PointBefore}, {At: workload.PointTag}, {At: workload.PointConfigure}, {At: workload.PointReplace}, {At: workload.PointSwitch},
	}
	for _, d := range []time.Duration{200 * time.Millisecond, 700 * time.Millisecond, 1500 * time.Millisecond} {
		all = append(all, order{At: workload.PointReplace, After: d})
	}
	return all
}

func TestAKilledSwitchIsTakenBack(t *testing.T) {
	for _, o := range moments() {
		t.Run(fmt.Sprintf("%s+%s", o.At, o.After), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "stubborn", "stubborn")
			w.beside()
			old := w.deploy(0, "a")
			env := w.read(".state/compose.env")
			o.Change = w.plan(1, "b")
			w.kill(t, o)
			if p := w.observe().Pending; p == nil || p.Change.ID != "b" || p.Before.Basis != workload.Basis(old.ID) {
				t.Fatalf("nobody knows of it: %+v", p)
			}
			w.settle("b", workload.Revert)
			if in := w.want(0); in.ImageID != old.ImageID {
				t.Errorf("another image: %+v", in)
			}
			if d := cmp.Diff(env, w.read(".state/compose.env")); d != "" {
				t.Errorf("env file: %s", d)
			}
		})
	}
}

// From here on the env file is new: before that, it is a switch from the start.
func TestAKilledSwitchIsGoneOnWithByTheSameCommand(t *testing.T) {
	for _, o := range moments()[2:7] {
		t.Run(fmt.Sprintf("%s+%s", o.At, o.After), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "stubborn", "stubborn")
			old := w.deploy(0, "a")
			o.Change = w.plan(1, "b")
			w.kill(t, o)
			// On a busy machine the victim may not have come to start Compose.
			in := w.observe().Current()
			began := in == nil || in.ID != old.ID || len(processes(t, w.project)) > 0
			recreated := 0
			err := w.target().Switch(t.Context(), o.Change, func(e workload.Event) {
				if e.Point == workload.PointReplace {
					recreated++
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			// A Compose that was running has made the container by the time that the
			// lock is free: there is a single outage and not two.
			if ours := o.At == workload.PointReplace && o.After > 0 && began || o.At == workload.PointSwitch; ours && recreated > 0 {
				t.Errorf("recreated once more")
			}
			w.settle("b", workload.Keep)
			w.want(1)
		})
	}
}

func TestAKilledRevertIsGoneOnWith(t *testing.T) {
	for _, d := range []time.Duration{time.Millisecond, time.Second} {
		t.Run(d.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "stubborn", "stubborn")
			w.deploy(0, "a")
			c := w.plan(1, "b")
			if err := w.target().Switch(t.Context(), c, ignore); err != nil {
				t.Fatal(err)
			}
			w.kill(t, order{Change: c, Revert: true, At: workload.PointSettle, After: d})
			w.settle("b", workload.Revert)
			w.want(0)
		})
	}
}

// The engine goes on with what a killed revert asked of it: its container has the name
// before anyone can see it.
func TestWhatAKilledRevertStillMakesGivesWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	old := w.deploy(0, "a")
	if err := w.target().Switch(t.Context(), w.plan(1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	w.docker("create", "--name", workload.ShortID(old.ID)+"_"+w.spec.Compose.ContainerName, old.ImageID)
	w.settle("b", workload.Revert)
	w.want(0)
}

// TestAKilledComposeLeavesNothing kills Compose itself, which leaves the old container
// stopped and the new container under another name.
func TestAKilledComposeLeavesNothing(t *testing.T) {
	for name, end := range map[string]func(*world, workload.Change){
		"reverted": func(w *world, _ workload.Change) { w.settle("b", workload.Revert); w.want(0) },
		"gone on with": func(w *world, c workload.Change) {
			if err := w.target().Switch(w.t.Context(), c, ignore); err != nil {
				w.t.Fatal(err)
			}
			w.settle("b", workload.Keep)
			w.want(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "stubborn", "stubborn")
			w.deploy(0, "a")
			c := w.plan(1, "b")
			err := w.target().Switch(t.Context(), c, func(e workload.Event) {
				if e.Point == workload.PointReplace {
					go w.killCompose(t)
				}
			})
			if fault.ReasonOf(err) != fault.ComposeFailed {
				t.Fatalf("%v", err)
			}
			names := w.docker("ps", "-a", "--format", "{{.Names}} {{.State}}", "--filter", "label=com.docker.compose.project="+w.project)
			if !strings.Contains(names, "_"+w.spec.Compose.ContainerName) {
				t.Fatalf("no leftover, the test is worth nothing: %s", names)
			}
			end(w, c)
		})
	}
}

// A container that got the signal to stop runs until it has stopped, and nothing about
// it shows the signal: that it runs is no reason to leave it as it is.
func TestAnOldContainerThatIsAboutToStopIsNotTrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "slow", "")
	old := w.deploy(0, "a")
	err := w.target().Switch(t.Context(), w.plan(1, "b"), func(e workload.Event) {
		if e.Point == workload.PointReplace {
			go func() {
				w.until("the old container is told to stop", func() bool { return strings.Contains(w.docker("logs", old.ID), "told to stop") })
				w.killCompose(t)
			}()
		}
	})
	if fault.ReasonOf(err) != fault.ComposeFailed {
		t.Fatalf("%v", err)
	}
	if c, err := shared.client.Container(t.Context(), old.ID); err != nil || !c.Running {
		t.Fatalf("it does not run any more, the test is worth nothing: %+v, %v", c, err)
	}
	w.settle("b", workload.Revert)
	in := w.want(0)
	time.Sleep(7 * time.Second) // the old container has ended
	if w.want(0).ID != in.ID {
		t.Error("it was replaced once more")
	}
}

func TestAContainerThatWasStoppedMeanwhileRunsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	w.deploy(0, "a")
	c := w.plan(1, "b")
	w.kill(t, order{At: workload.PointConfigure, Change: c})
	w.docker("stop", w.spec.Compose.ContainerName)
	w.settle("b", workload.Revert)
	w.want(0)
}

// until polls what takes time.
func (w *world) until(what string, is func() bool) {
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Errorf("in two minutes not: %s", what)
			return
		}
	}
}

// killCompose kills this world's Compose when the new container is there.
func (w *world) killCompose(t *testing.T) {
	w.until("a new container", func() bool {
		names := w.docker("ps", "-a", "--format", "{{.Names}}", "--filter", "label=com.docker.compose.project="+w.project)
		return strings.Contains(names, "_"+w.spec.Compose.ContainerName)
	})
	for _, pid := range processes(t, w.project) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// The old container is gone and the new container has not got its name: the container
// that is there keeps what it holds.
func TestALeftoverWhoseNameIsFreeIsTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	in := w.deploy(0, "a")
	volume := w.docker("inspect", "-f", "{{(index .Mounts 0).Name}}", in.ID)
	c := w.plan(1, "b")
	if err := w.target().Switch(t.Context(), c, ignore); err != nil {
		t.Fatal(err)
	}
	made := w.want1(1)
	w.docker("stop", "-t", "1", made.ID)
	w.docker("rename", made.ID, "0123456789ab_"+w.spec.Compose.ContainerName)
	w.settle("b", workload.Revert)
	in = w.want(0)
	if got := w.docker("inspect", "-f", "{{(index .Mounts 0).Name}}", in.ID); got != volume {
		t.Errorf("the anonymous volume is %s, was %s", got, volume)
	}
}

// want1 is the only container, of version n, of a change that is not settled.
func (w *world) want1(n int) workload.Instance {
	w.t.Helper()
	seen := w.observe()
	if len(seen.Instances) != 1 || seen.Instances[0].Config != w.images[n].Config {
		w.t.Fatalf("%+v", seen.Instances)
	}
	return seen.Instances[0]
}
