package confirm_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	workloadtest.Run(t, func(t *testing.T) workloadtest.Harness {
		t.Helper()
		const secret = "hunter2-of-the-süite"
		spec := workloadtest.SampleSpec("fake")
		host := confirmtest.New(spec, map[string]string{spec.Secrets[0]: secret})
		dir := filepath.Join(t.TempDir(), "state")
		reopen := func() workload.Target { return confirm.New(host, dir) }
		return workloadtest.Harness{
			Target: reopen(), Reopen: reopen, Spec: spec, Secret: secret, Secrets: workloadtest.Shown(spec, secret), Images: workloadtest.FakeImages(t, 4),
		}
	})
}

// world is a host with version 0 live and version 1 staged.
type world struct {
	host *confirmtest.Host
	dir  string
	spec workload.Spec
}

var errCrash = errors.New("the process is gone")

func newWorld(t *testing.T) *world {
	t.Helper()
	spec := workloadtest.SampleSpec("fake")
	w := &world{host: confirmtest.New(spec, nil), dir: t.TempDir(), spec: spec}
	for i, img := range workloadtest.FakeImages(t, 3) {
		if err := w.target().Stage(t.Context(), spec.Ref, img.Pinned, ignore); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			continue
		}
		c := w.change(t, 0, "live")
		if err := errors.Join(
			w.target().Switch(t.Context(), c, ignore),
			w.keep(t, c.ID),
		); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) target() *confirm.Target[confirmtest.State] { return confirm.New(w.host, w.dir) }

// keep settles a change, what runs being what was proven.
func (w *world) keep(t *testing.T, id string) error {
	t.Helper()
	s := workload.Settlement{ChangeID: id, Outcome: workload.Keep, Proven: w.running(t)}
	return w.target().Settle(t.Context(), w.spec.Ref, s, ignore)
}

// running are the copies that run.
func (w *world) running(t *testing.T) (all []workload.Copy) {
	t.Helper()
	for _, in := range w.observe(t).Instances {
		all = append(all, in.Copy())
	}
	return all
}

func (w *world) change(t *testing.T, n int, id string) workload.Change {
	t.Helper()
	img := workloadtest.FakeImages(t, n+1)[n]
	c := workload.Change{
		ID: id, Ref: w.spec.Ref, Image: img.Pinned, Holder: "somebody",
		Stamps: map[string]string{workload.KeyCommit: img.Commit.String(), workload.KeyDeployedAt: id},
	}
	if in := w.observe(t).Instances; len(in) > 0 {
		c.Basis = workload.Basis(in[0].ID)
	}
	return c
}

func (w *world) observe(t *testing.T) workload.Observation {
	t.Helper()
	seen, err := w.target().Observe(t.Context(), w.spec.Ref, false)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// want fails unless version n runs, alone, with its env file.
func (w *world) want(t *testing.T, n int) {
	t.Helper()
	seen := w.observe(t)
	img := workloadtest.FakeImages(t, n+1)[n]
	switch {
	case seen.Pending != nil:
		t.Fatalf("unsettled: %+v", seen.Pending)
	case len(seen.Instances) != 1 || !seen.Instances[0].Running || seen.Instances[0].Config != img.Config:
		t.Fatalf("want version %d: %+v", n, seen.Instances)
	case seen.Stamped[workload.KeyCommit] != img.Commit.String() || seen.Instances[0].Stamped[workload.KeyCommit] != img.Commit.String():
		t.Fatalf("want version %d: env file %v, container %v", n, seen.Stamped, seen.Instances[0].Stamped)
	}
}

func ignore(workload.Event) {}

// crashAt breaks the n-th visit of step.
func crashAt(step confirmtest.Step) func(confirmtest.Step) error {
	return func(s confirmtest.Step) error {
		if s == step {
			return errCrash
		}
		return nil
	}
}

func TestACrashAtAnyStepOfASwitchEndsInOldOrNew(t *testing.T) {
	t.Parallel()
	for _, step := range confirmtest.ApplySteps() {
		t.Run("reverted after "+string(step), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.change(t, 1, "b")
			w.host.Break = crashAt(step)
			if err := w.target().Switch(t.Context(), c, ignore); !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			w.host.Break = nil
			if p := w.observe(t).Pending; p == nil || p.Change.ID != "b" {
				t.Fatalf("nobody knows of the change: %+v", p)
			}
			if err := w.target().Settle(t.Context(), w.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Revert}, ignore); err != nil {
				t.Fatal(err)
			}
			w.want(t, 0)
		})
		t.Run("gone on with after "+string(step), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.change(t, 1, "b")
			w.host.Break = crashAt(step)
			if err := w.target().Switch(t.Context(), c, ignore); !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			w.host.Break = nil
			if err := errors.Join(
				w.target().Switch(t.Context(), c, ignore),
				w.keep(t, "b"),
			); err != nil {
				t.Fatal(err)
			}
			w.want(t, 1)
		})
		for _, again := range confirmtest.RestoreSteps() {
			t.Run("reverted after "+string(step)+", with another crash at "+string(again), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				c := w.change(t, 1, "b")
				w.host.Break = crashAt(step)
				_ = w.target().Switch(t.Context(), c, ignore)
				w.host.Break = crashAt(again)
				revert := workload.Settlement{ChangeID: "b", Outcome: workload.Revert}
				err := w.target().Settle(t.Context(), w.spec.Ref, revert, ignore)
				if fault.ReasonOf(err) != fault.RevertFailed || fault.HintOf(err) != "turn it off and on again" {
					t.Fatalf("%v (%s, %q)", err, fault.ReasonOf(err), fault.HintOf(err))
				}
				if p := w.observe(t).Pending; p == nil || !strings.Contains(p.Failed, errCrash.Error()) {
					t.Fatalf("a failed revert must stay, and report it: %+v", p)
				}
				if err := w.target().Switch(t.Context(), w.change(t, 2, "c"), ignore); fault.ReasonOf(err) != fault.ChangePending {
					t.Fatalf("another change over a failed revert: %v", err)
				}
				w.host.Break = nil
				if err := w.target().Settle(t.Context(), w.spec.Ref, revert, ignore); err != nil {
					t.Fatal(err)
				}
				w.want(t, 0)
			})
		}
	}
}

func TestTheBeforeImageIsThereBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(t, 1, "b")
	w.host.Break = func(s confirmtest.Step) error {
		name := filepath.Join(w.dir, w.spec.Ref.String()+".pending.json")
		info, err := os.Stat(name)
		if err != nil {
			t.Errorf("at %s: %v", s, err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v", name, info.Mode())
		}
		return nil
	}
	if err := w.target().Switch(t.Context(), c, ignore); err != nil {
		t.Fatal(err)
	}
}

func TestAnEventIsNeverAheadOfWhatItTells(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	err := w.target().Switch(t.Context(), w.change(t, 1, "b"), func(e workload.Event) {
		if e.Point == workload.PointBefore {
			if all, err := w.target().Unsettled(); err != nil || len(all) != 1 || all[0].Change.ID != "b" {
				t.Errorf("%+v, %v", all, err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A process that dies between the two writes of a settlement leaves both files.
func TestACrashBetweenTheOutcomeAndTheCleanUpIsASettledChange(t *testing.T) {
	t.Parallel()
	for _, outcome := range []workload.Outcome{workload.Keep, workload.Revert} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(w.dir, w.spec.Ref.String()+".pending.json")
			left, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s := workload.Settlement{ChangeID: "b", Outcome: outcome, Proven: w.running(t)}
			if err := w.target().Settle(t.Context(), w.spec.Ref, s, ignore); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, left, 0o600); err != nil {
				t.Fatal(err)
			}
			if all, err := w.target().Unsettled(); err != nil || len(all) != 0 || w.observe(t).Pending != nil {
				t.Fatalf("it counts as unsettled: %v %v", all, err)
			}
			w.host.Break = func(s confirmtest.Step) error { t.Errorf("settling again does %s", s); return nil }
			if err := w.target().Settle(t.Context(), w.spec.Ref, s, ignore); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the file is still there: %v", err)
			}
			w.host.Break = nil
			if err := w.target().Switch(t.Context(), w.change(t, 2, "c"), ignore); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestWhatAKilledProcessLeftRunningIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(t, 1, "b")
	var inherited *os.File
	w.host.Lock = func(f *os.File) {
		fd, err := unix.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		inherited = os.NewFile(uintptr(fd), "as a child has it")
	}
	w.host.Break = crashAt(confirmtest.Create)
	if err := w.target().Switch(t.Context(), c, ignore); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.host.Break, w.host.Lock = nil, nil

	impatient := w.target()
	impatient.Wait = 200 * time.Millisecond
	revert := workload.Settlement{ChangeID: "b", Outcome: workload.Revert}
	if err := impatient.Settle(t.Context(), w.spec.Ref, revert, ignore); fault.ReasonOf(err) != fault.Busy || !fault.Retryable(err) {
		t.Fatalf("while it runs: %v", err)
	}
	if err := impatient.Switch(t.Context(), c, ignore); fault.ReasonOf(err) != fault.Busy {
		t.Fatalf("while it runs: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.target().Settle(ctx, w.spec.Ref, revert, ignore); !errors.Is(err, context.Canceled) {
		t.Fatalf("waiting goes on after the caller left: %v", err)
	}
	go func() {
		time.Sleep(300 * time.Millisecond)
		_ = inherited.Close()
	}()
	if err := w.target().Settle(t.Context(), w.spec.Ref, revert, ignore); err != nil {
		t.Fatal(err)
	}
	w.want(t, 0)
}

func TestARevertGoesOnWhenItsCallerLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.host.Break = func(confirmtest.Step) error { cancel(); return nil }
	if err := w.target().Settle(ctx, w.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Revert}, ignore); err != nil {
		t.Fatal(err)
	}
	w.host.Break = nil
	w.want(t, 0)
}

func TestAStateFileThatIsNoneIsNotTakenForNothing(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"empty": "", "cut": `{"version":2,"cha`, "of a newer version": `{"version":99}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.change(t, 1, "b")
			file := filepath.Join(w.dir, w.spec.Ref.String()+".pending.json")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			w.host.Break = func(s confirmtest.Step) error { t.Errorf("it does %s", s); return nil }
			err := w.target().Switch(t.Context(), c, ignore)
			if err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("switch: %v", err)
			}
			if _, err := w.target().Observe(t.Context(), w.spec.Ref, false); err == nil {
				t.Error("observe reports nothing")
			}
		})
	}
}

func TestAChangeOfTheSameIdToSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	if err := w.target().Switch(t.Context(), w.change(t, 2, "b"), ignore); fault.ReasonOf(err) != fault.InvalidRequest {
		t.Errorf("%v", err)
	}
}

func TestWhatAKilledWriteLeftGoesWithTheNextChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(t, 1, "b")
	if err := os.WriteFile(filepath.Join(w.dir, "."+w.spec.Ref.String()+".pending.json123456789012"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.target().Switch(t.Context(), c, ignore); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("want lock, pending and last: %v, %v", entries, err)
	}
}
