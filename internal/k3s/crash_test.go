package k3s_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// crashed calls test for each moment of a switch: before and after each act.
func crashed(t *testing.T, test func(t *testing.T, w *world, c workload.Change)) {
	whole := newWorld(t)
	c := whole.change(1, "b")
	acts := whole.crash(1<<20, false)
	whole.must(whole.apply(c))
	if len(*acts) < 12 {
		t.Fatalf("only %d acts: %q", len(*acts), *acts)
	}
	for n := range *acts {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d, %s, after it %v", n, strings.ReplaceAll((*acts)[n], "/", "."), after), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				c := w.change(1, "b")
				w.crash(n, after)
				if err := w.apply(c); err == nil {
					t.Fatal("it did not break off")
				}
				w.alive()
				test(t, w, c)
			})
		}
	}
}

func TestAChangeGoesOnAfterACrashAtAnyMoment(t *testing.T) {
	t.Parallel()
	crashed(t, func(t *testing.T, w *world, c workload.Change) {
		t.Helper()
		w.must(w.apply(c))
		w.runs(1, password)
		w.must(w.settle("b", workload.Keep))
		w.runs(1, password)
		w.clean()
	})
}

func TestAChangeIsTakenBackAfterACrashAtAnyMoment(t *testing.T) {
	t.Parallel()
	crashed(t, func(t *testing.T, w *world, _ workload.Change) {
		t.Helper()
		if w.observe().Pending == nil {
			return // it broke off before there was a change
		}
		w.must(w.settle("b", workload.Revert))
		for _, in := range w.observe().Instances {
			if in.Config != w.images[0].Config || !in.Current || !in.Running {
				t.Fatalf("want version 0: %+v", in)
			}
		}
		if got := w.node.Config(); got["password"] != was || got["user"] != "somebody" {
			t.Errorf("configuration: %q", got)
		}
		w.clean()
		c := w.change(2, "c")
		w.must(w.apply(c))
		w.runs(2, password)
	})
}

func TestATakenBackChangeThatCrashedIsTakenBackAgain(t *testing.T) {
	t.Parallel()
	whole := newWorld(t)
	whole.must(whole.apply(whole.change(1, "b")))
	acts := whole.crash(1<<20, false)
	whole.must(whole.settle("b", workload.Revert))
	for n := range *acts {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d, after it %v", n, after), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.must(w.apply(w.change(1, "b")))
				w.crash(n, after)
				err := w.settle("b", workload.Revert)
				w.alive()
				if err == nil || w.observe().Pending.Failed == "" {
					t.Errorf("the failed revert is not noted: %v", err)
				}
				w.must(w.settle("b", workload.Revert))
				w.runs(0, was)
				w.clean()
			})
		}
	}
}

// A change that is reverted half-way can be gone on with instead.
func TestAChangeGoesOnAfterACrashOfItsRevert(t *testing.T) {
	t.Parallel()
	for n := range 12 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.change(1, "b")
			w.must(w.apply(c))
			w.crash(n, true)
			if err := w.settle("b", workload.Revert); err == nil {
				t.Fatal("it did not break off")
			}
			w.alive()
			w.must(w.apply(c))
			w.runs(1, password)
		})
	}
}

func TestTheRecordHoldsFormerValuesForItsOwnTimeOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.apply(w.change(1, "b")))
	read := func() (text string) {
		names, err := filepath.Glob(filepath.Join(w.dir, "*"))
		w.must(err)
		for _, name := range names {
			info, err := os.Stat(name)
			w.must(err)
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v", name, info.Mode())
			}
			b, err := os.ReadFile(name)
			w.must(err)
			text += string(b)
		}
		return text
	}
	if text := read(); !strings.Contains(text, was) || strings.Contains(text, password) {
		t.Errorf("while it is pending: %s", text)
	}
	w.must(w.settle("b", workload.Keep))
	if text := read(); strings.Contains(text, was) || strings.Contains(text, secret) {
		t.Errorf("after it: %s", text)
	}
}
