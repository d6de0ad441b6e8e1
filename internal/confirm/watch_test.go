package confirm_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) count(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.b.String(), what)
}

// watch runs Watch on a target until stop, which waits.
func watch(t *testing.T, target *confirm.Target[confirmtest.State], j *journal) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { target.Watch(ctx, slog.New(slog.NewTextHandler(j, nil))) })
	stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// provisional makes change "b", to version 1, which has time d until its deadline.
func (w *world) provisional(t *testing.T, d time.Duration) workload.Change {
	t.Helper()
	c := w.change(t, 1, "b")
	c.Deadline = time.Now().Add(d)
	if err := w.target().Switch(t.Context(), c, ignore); err != nil {
		t.Fatal(err)
	}
	return c
}

// restores counts how often a revert has begun.
func (w *world) restores() *atomic.Int64 {
	var n atomic.Int64
	w.host.Break = func(s confirmtest.Step) error {
		if s == confirmtest.PutEnv {
			n.Add(1)
		}
		return nil
	}
	return &n
}

func TestWhatIsSettledInTimeStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.restores()
		stop := watch(t, w.target(), &journal{})
		w.provisional(t, time.Minute)
		time.Sleep(59 * time.Second)
		if err := w.keep(t, "b"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		w.want(t, 1)
		stop()
		if n.Load() != 0 {
			t.Errorf("reverted %d times", n.Load())
		}
	})
}

func TestWhatNobodySettlesIsTakenBackOnceAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.restores()
		j := &journal{}
		stop := watch(t, w.target(), j)
		w.provisional(t, time.Minute)
		time.Sleep(58 * time.Second)
		if p := w.observe(t).Pending; p == nil {
			t.Fatal("too early")
		}
		time.Sleep(5 * time.Second)
		w.want(t, 0)
		if last := w.observe(t).Last; last == nil || last.Outcome != workload.Revert || last.ChangeID != "b" {
			t.Errorf("%+v", last)
		}
		time.Sleep(time.Hour)
		stop()
		if n.Load() != 1 || j.count("it is reverted") != 1 {
			t.Errorf("reverted %d times, reported %d times", n.Load(), j.count("it is reverted"))
		}
		err := w.keep(t, "b")
		if fault.ReasonOf(err) != fault.Stale {
			t.Errorf("keeping it afterwards: %v", err)
		}
	})
}

// hearing is a listener that counts points and keeps ends.
type hearing struct {
	points int
	ends   []error
}

// Report implements [confirm.Listener].
func (h *hearing) Report(workload.Event) { h.points++ }

// TookBack implements [confirm.Listener].
func (h *hearing) TookBack(err error) { h.ends = append(h.ends, err) }

// A listener hears of each try to revert a change, and how it ended.
func TestWhatIsTakenBackIsHeardOf(t *testing.T) {
	for name, broken := range map[string]error{"reverted": nil, "not reverted": errors.New("no room")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				target, all := confirm.New(edited{w.host}, w.dir), map[string]*hearing{}
				target.Takes = func(c workload.Change) confirm.Listener {
					if all[c.ID] == nil {
						all[c.ID] = &hearing{}
					}
					return all[c.ID]
				}
				var breaks atomic.Bool
				w.host.Break = func(confirmtest.Step) error {
					if breaks.Load() {
						return broken
					}
					return nil
				}
				stop := watch(t, target, &journal{})
				w.provisional(t, time.Minute)
				breaks.Store(true)
				time.Sleep(61 * time.Second)
				stop()
				heard := all["b"]
				if heard == nil || heard.points != 2 || len(heard.ends) != 1 || (heard.ends[0] == nil) != (broken == nil) {
					t.Errorf("%+v", heard)
				}
			})
		})
	}
}

func TestADeadlineOutlivesTheProcess(t *testing.T) {
	for name, down := range map[string]time.Duration{"back before it": 30 * time.Second, "down when it passed": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				n := w.restores()
				stop := watch(t, w.target(), &journal{})
				w.provisional(t, time.Minute)
				time.Sleep(10 * time.Second)
				stop()
				time.Sleep(down)
				if w.observe(t).Pending == nil {
					t.Fatal("who has taken it back?")
				}
				stop = watch(t, w.target(), &journal{})
				if down < time.Minute {
					time.Sleep(15 * time.Second)
					if w.observe(t).Pending == nil {
						t.Fatal("too early")
					}
					time.Sleep(10 * time.Second)
				} else {
					time.Sleep(time.Second)
				}
				w.want(t, 0)
				stop()
				if n.Load() != 1 {
					t.Errorf("reverted %d times", n.Load())
				}
			})
		})
	}
}

func TestASwitchUnderWayIsTakenBackOnlyAfterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var n atomic.Int64
		var once sync.Once
		held, release := make(chan struct{}), make(chan struct{})
		w.host.Break = func(s confirmtest.Step) error {
			switch s {
			case confirmtest.Create:
				once.Do(func() {
					close(held)
					<-release
				})
			case confirmtest.PutEnv:
				n.Add(1)
			}
			return nil
		}
		j := &journal{}
		stop := watch(t, w.target(), j)
		c := w.change(t, 1, "b")
		c.Deadline = time.Now().Add(time.Minute)
		done := make(chan error, 1)
		go func() { done <- w.target().Switch(t.Context(), c, ignore) }()
		<-held
		time.Sleep(time.Hour) // longer than all waits for the lock and pauses together
		if n.Load() != 0 || w.observe(t).Pending == nil {
			t.Fatal("reverted under the hands of the switch")
		}
		close(release)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.want(t, 0)
		stop()
		if n.Load() != 1 || j.count("level=ERROR") != 0 {
			t.Errorf("reverted %d times, %d errors", n.Load(), j.count("level=ERROR"))
		}
	})
}

func TestTheSameChangeAgainWithALaterDeadlineGetsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := watch(t, w.target(), &journal{})
		c := w.provisional(t, time.Minute)
		time.Sleep(50 * time.Second)
		c.Deadline = c.Deadline.Add(time.Minute)
		if err := w.target().Switch(t.Context(), c, ignore); err != nil {
			t.Fatal(err)
		}
		time.Sleep(65 * time.Second)
		if w.observe(t).Pending == nil {
			t.Fatal("it got no time")
		}
		c.Deadline = c.Deadline.Add(-time.Hour) // what was granted is not taken away
		if err := w.target().Switch(t.Context(), c, ignore); err != nil {
			t.Fatal(err)
		}
		if p := w.observe(t).Pending; p == nil || !time.Now().Before(p.Change.Deadline) {
			t.Fatalf("%+v", p)
		}
		time.Sleep(10 * time.Second)
		w.want(t, 0)
		stop()
	})
}

// Both wait for the lock: the same change again, and its revert.
func TestTimeThatIsGrantedAtTheLastMomentCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.restores()
		stop := watch(t, w.target(), &journal{})
		c := w.provisional(t, time.Minute)
		f, err := os.Open(filepath.Join(w.dir, w.spec.Ref.String()+".lock"))
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50*time.Second + 10*time.Millisecond) // looks for the lock in between the other's looks
		c.Deadline = c.Deadline.Add(time.Hour)
		done := make(chan error, 1)
		go func() { done <- w.target().Switch(t.Context(), c, ignore) }()
		time.Sleep(20*time.Second + 495*time.Millisecond)
		_ = f.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if w.observe(t).Pending == nil || n.Load() != 0 {
			t.Fatal("it was reverted all the same")
		}
		time.Sleep(time.Hour)
		w.want(t, 0)
		stop()
	})
}

func TestARevertThatFailsIsLoudAndTriedAgainNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var tries atomic.Int64
		w.host.Break = func(s confirmtest.Step) error {
			if s != confirmtest.PutEnv {
				return nil
			}
			tries.Add(1)
			return errCrash
		}
		j := &journal{}
		stop := watch(t, w.target(), j)
		w.provisional(t, time.Minute)
		time.Sleep(65 * time.Second)
		if p := w.observe(t).Pending; tries.Load() != 1 || p == nil || !strings.Contains(p.Failed, errCrash.Error()) {
			t.Fatalf("%d tries, %+v", tries.Load(), p)
		}
		if j.count("level=ERROR") != 1 || j.count("turn it off and on again") != 1 {
			t.Errorf("not loud: %s", j.b.String())
		}
		time.Sleep(2 * time.Hour)
		if tries.Load() != 8 || j.count("last=true") != 1 || w.observe(t).Pending == nil {
			t.Errorf("%d tries", tries.Load())
		}
		stop()
		// The next start begins anew, and finds the machine well.
		w.host.Break = nil
		stop = watch(t, w.target(), j)
		time.Sleep(time.Second)
		w.want(t, 0)
		stop()
	})
}

func TestAClockThatIsSetChangesNothing(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": 48 * time.Hour, "back": -48 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var mu sync.Mutex
				var off time.Duration
				target := w.target()
				target.Now = func() time.Time {
					mu.Lock()
					defer mu.Unlock()
					return time.Now().Round(0).Add(off)
				}
				stop := watch(t, target, &journal{})
				w.provisional(t, time.Minute)
				time.Sleep(10 * time.Second)
				mu.Lock()
				off = jump
				mu.Unlock()
				time.Sleep(45 * time.Second)
				if w.observe(t).Pending == nil {
					t.Fatal("too early")
				}
				time.Sleep(10 * time.Second)
				w.want(t, 0)
				stop()
			})
		})
	}
}

// A clock that was set back while the process was down grants no more than the
// whole time once more.
func TestAClockThatWasSetBackStretchesNothingForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.provisional(t, time.Minute)
		target := w.target()
		target.Now = func() time.Time { return time.Now().Add(-100 * 24 * time.Hour) }
		stop := watch(t, target, &journal{})
		time.Sleep(65 * time.Second)
		w.want(t, 0)
		stop()
	})
}

func TestAnUnreadableStateHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := os.WriteFile(filepath.Join(w.dir, "compose-a.b.pending.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		j := &journal{}
		stop := watch(t, w.target(), j)
		w.provisional(t, time.Minute)
		time.Sleep(65 * time.Second)
		w.want(t, 0)
		stop()
		if j.count("level=ERROR") != 1 {
			t.Errorf("reported %d times", j.count("level=ERROR"))
		}
	})
}

func TestAChangeWhoseTimeIsOverIsNotBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(t, 1, "b")
	c.Deadline = time.Now().Add(-time.Second)
	w.host.Break = func(s confirmtest.Step) error { t.Errorf("it does %s", s); return nil }
	err := w.target().Switch(t.Context(), c, ignore)
	if fault.ReasonOf(err) != fault.InvalidRequest || fault.HintOf(err) == "" || w.observe(t).Pending != nil {
		t.Errorf("%v", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error("it waited")
	}
}

// edited is a runtime whose reverts leave a Deployment that another writer changed.
type edited struct{ *confirmtest.Host }

func (e edited) Restore(ctx context.Context, s workload.Spec, c workload.Change, before confirmtest.State, lock *os.File, emit func(workload.Event)) error {
	emit(workload.Event{Point: workload.PointSettle, Text: "web goes back"})
	emit(workload.Event{Point: workload.PointSettle, Warning: true, Unit: "worker", Text: "worker stays"})
	return e.Host.Restore(ctx, s, c, before, lock, emit)
}

func TestWhatARevertLeavesIsRememberedAndInTheJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		target := confirm.New(edited{w.host}, w.dir)
		if err := target.Switch(t.Context(), w.provisional(t, time.Minute), ignore); err != nil {
			t.Fatal(err)
		}
		var j journal
		stop := watch(t, target, &j)
		defer stop()
		time.Sleep(65 * time.Second)
		if w.observe(t).Pending != nil {
			t.Fatal("it is not reverted at its deadline")
		}
		if diff := cmp.Diff([]workload.Left{{Unit: "worker", Why: "worker stays"}}, w.observe(t).Last.Left); diff != "" {
			t.Error(diff)
		}
		if j.count(`level=WARN msg="reverting a change"`) != 1 || j.count("worker stays") != 1 || j.count("web goes back") != 1 {
			t.Error("the journal has no warning about it")
		}
	})
}

// The watch of a master looks at a folder that a group writes to, every two seconds.
func TestARecordOfAnySizeCostsTheWatchNoMemory(t *testing.T) { //nolint:paralleltest // what this process allocates
	w := newWorld(t)
	for _, name := range []string{"large.pending.json", w.spec.Ref.String() + ".last.json"} {
		if err := errors.Join(os.WriteFile(filepath.Join(w.dir, name), nil, 0o600), os.Truncate(filepath.Join(w.dir, name), 1<<30)); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found, err := confirm.Unsettled(w.dir)
	_, lookErr := w.target().Observe(t.Context(), w.spec.Ref, false)
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		stop := watch(t, w.target(), j)
		time.Sleep(5 * time.Second)
		stop()
		if want := "large.pending.json has 1073741824 bytes, and at most 8388608 are read"; j.count(want) != 1 {
			t.Errorf("the journal does not have %q once:\n%s", want, &j.b)
		}
	})
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d MiB were allocated", grown>>20)
	}
	if len(found) != 0 || err == nil || lookErr == nil || !strings.Contains(lookErr.Error(), ".last.json has 1073741824 bytes") {
		t.Errorf("%v; %v; %v", found, err, lookErr)
	}
}
