package confirm_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// beforeSnapshot is a host that calls a function before its first snapshot.
type beforeSnapshot struct {
	*confirmtest.Host
	do func()
}

func (h *beforeSnapshot) Snapshot(ctx context.Context, spec workload.Spec, c workload.Change) (workload.Before, confirmtest.State, error) {
	if do := h.do; do != nil {
		h.do = nil
		do()
	}
	return h.Host.Snapshot(ctx, spec, c)
}

// Both changes see nothing pending. The second has to look again when it gets the lock.
func TestTheSecondOfTwoChangesThatBeginTogetherIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first, second := w.change(t, 1, "b"), w.change(t, 2, "c")
		done := make(chan error, 1)
		host := &beforeSnapshot{Host: w.host, do: func() {
			go func() { done <- w.target().Switch(t.Context(), second, ignore) }()
			synctest.Wait() // the second change waits for the lock
		}}
		if err := confirm.New(host, w.dir).Switch(t.Context(), first, ignore); err != nil {
			t.Fatal(err)
		}
		if err := <-done; fault.ReasonOf(err) != fault.ChangePending {
			t.Errorf("the second change: %v, want %s", err, fault.ChangePending)
		}
		if p := w.observe(t).Pending; p == nil || p.Change.ID != "b" {
			t.Errorf("pending is %+v, want the first change", p)
		}
	})
}

func TestAChangeDoesNotGoOnToAnotherImageOfItsCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(t, 1, "b")
	if err := w.target().Switch(t.Context(), c, ignore); err != nil {
		t.Fatal(err)
	}
	c.Image.Config = w.change(t, 2, "b").Image.Config
	if err := w.target().Switch(t.Context(), c, ignore); fault.ReasonOf(err) != fault.InvalidRequest {
		t.Errorf("%v, want %s", err, fault.InvalidRequest)
	}
}

func TestAChangeThatDoesNotNameItsImageIsRefused(t *testing.T) {
	t.Parallel()
	for name, incomplete := range map[string]func(*workload.Change){
		"no id":     func(c *workload.Change) { c.ID = "" },
		"no commit": func(c *workload.Change) { c.Image.Commit = artifact.Commit{} },
		"no config": func(c *workload.Change) { c.Image.Config = artifact.Digest{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.change(t, 1, "b")
			incomplete(&c)
			if err := w.target().Switch(t.Context(), c, ignore); fault.ReasonOf(err) != fault.InvalidRequest {
				t.Errorf("%v, want %s", err, fault.InvalidRequest)
			}
			w.want(t, 0)
		})
	}
}

// The record of a change holds values of the env file.
func TestASettledChangeLeavesNoRecordOfItsValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	if err := w.keep(t, "b"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("want the lock and the outcome: %v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v (%v), want 0600", e.Name(), info.Mode().Perm(), err)
		}
	}
}

func TestAChangeWithoutADeadlineWaitsForAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := watch(t, w.target(), &journal{})
		if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if w.observe(t).Pending == nil {
			t.Error("the change was reverted")
		}
		stop()
	})
}

// afterLoad is a host that calls a function before it is looked at, which a settlement
// does after it has read its record.
type afterLoad struct {
	*confirmtest.Host
	do func()
}

func (h *afterLoad) Observe(ctx context.Context, ref workload.Ref, probe bool) (workload.Observation, error) {
	h.do()
	return h.Host.Observe(ctx, ref, probe)
}

// The outcome must be on disk before the record of what stood before goes: a crash
// between the two must not leave neither.
func TestARecordStaysUntilTheOutcomeIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	settlement := workload.Settlement{ChangeID: "b", Outcome: workload.Keep, Proven: w.running(t)}
	host := &afterLoad{Host: w.host, do: func() {
		last := filepath.Join(w.dir, w.spec.Ref.String()+".last.json")
		if err := errors.Join(os.Remove(last), os.Mkdir(last, 0o700)); err != nil { // so that it cannot be replaced by a file
			t.Error(err)
		}
	}}
	if err := confirm.New(host, w.dir).Settle(t.Context(), w.spec.Ref, settlement, ignore); err == nil {
		t.Error("the change is settled, and no outcome is written")
	}
	if _, err := os.Stat(filepath.Join(w.dir, w.spec.Ref.String()+".pending.json")); err != nil {
		t.Errorf("the record: %v", err)
	}
}
