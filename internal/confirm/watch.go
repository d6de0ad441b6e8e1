package confirm

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const (
	// look is how often Watch looks for changes whose time is over. It looks instead of
	// being notified: another process may have made a change, and a clock may be set.
	look = 2 * time.Second
	// A failed revert is retried after firstPause, then after twice as long each time,
	// maxReverts times in all: some 20 minutes.
	firstPause = 10 * time.Second
	maxReverts = 8
)

// Watch reverts each unsettled change at its deadline, also a change that an earlier
// process left, and at once if its deadline passed meanwhile. When ctx ends, Watch waits
// for the reverts that it has begun and returns.
//
// A change has the time that its record grants, by this process's monotonic clock: setting
// the wall clock, ahead or back, neither shortens nor stretches it. A change whose revert
// failed stays pending. The failure is logged as an error, and the revert is retried a
// bounded number of times; after that, the next start or a person retries it.
func (t *Target[S]) Watch(ctx context.Context, log *slog.Logger) {
	w := &watcher[S]{target: t, log: log, known: make(map[string]*waiting)}
	defer w.wg.Wait()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		w.round(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Listener hears what becomes of a change that Watch reverts.
type Listener interface {
	// Report receives each point.
	Report(e workload.Event)
	// TookBack receives nil when what ran before runs again, else the reason why not.
	TookBack(err error)
}

// listener returns the listener for a change; by default it does nothing.
func (t *Target[S]) listener(c workload.Change) Listener {
	if t.Takes == nil {
		return deaf{}
	}
	return t.Takes(c)
}

type deaf struct{}

func (deaf) Report(workload.Event) {}
func (deaf) TookBack(error)        {}

// watcher is the state of a Watch. Only its loop touches known.
type watcher[S any] struct {
	target *Target[S]
	log    *slog.Logger
	wg     sync.WaitGroup
	known  map[string]*waiting
	// unreadable is the last complaint about the state folder.
	unreadable string
}

// waiting is a change that is not settled. A single goroutine at a time owns it: the
// loop, or, while busy, the revert's, which gives it back by closing over.
type waiting struct {
	change workload.Change
	due    time.Time // with a monotonic reading
	over   chan struct{}
	failed int
}

func (w *watcher[S]) round(ctx context.Context) {
	found, err := w.target.Unsettled()
	if err != nil && err.Error() != w.unreadable {
		w.log.Error("the state of changes cannot be read: none of these is reverted", slog.Any("err", err))
	}
	w.unreadable = ""
	if err != nil {
		w.unreadable = err.Error()
	}
	there := make(map[string]bool, len(found))
	for _, p := range found {
		id := p.Change.Ref.String() + " " + p.Change.ID
		there[id] = true
		one := w.known[id]
		switch {
		case p.Change.Deadline.IsZero():
			continue // no time was granted, so none can be over
		case one != nil && one.busy():
			continue
		case one == nil || !one.change.Deadline.Equal(p.Change.Deadline):
			one = &waiting{change: p.Change, due: time.Now().Add(w.target.left(p))}
			w.known[id] = one
		}
		if one.failed < maxReverts && !time.Now().Before(one.due) {
			w.revert(ctx, one)
		}
	}
	for id, one := range w.known {
		if !there[id] && !one.busy() {
			delete(w.known, id)
		}
	}
}

// left returns how much of its time a change still has when it is first seen: never more
// than it was granted, however wrong the clock is now.
func (t *Target[S]) left(p workload.Pending) time.Duration {
	granted := p.Change.Deadline.Sub(p.Since)
	return max(0, min(p.Change.Deadline.Sub(t.Now()), granted))
}

func (w *waiting) busy() bool {
	if w.over == nil {
		return false
	}
	select {
	case <-w.over:
		w.over = nil
		return false
	default:
		return true
	}
}

// revert reverts the change apart from the loop, so that a long revert holds up no
// other.
func (w *watcher[S]) revert(ctx context.Context, one *waiting) {
	over := make(chan struct{})
	one.over = over
	w.wg.Go(func() {
		defer close(over)
		journal := w.log.With(slog.String("target", one.change.Ref.String()), slog.String("change", one.change.ID),
			slog.String("commit", one.change.Image.Commit.String()))
		hears := w.target.listener(one.change)
		took, err := w.target.expire(ctx, one.change, func(e workload.Event) {
			hears.Report(e)
			journal.Log(ctx, e.Level(), "reverting a change", slog.String("step", string(e.Point)), slog.String("text", e.Text))
		})
		switch {
		case err == nil && took:
			journal.Warn("the change was not confirmed in time: it is reverted")
			hears.TookBack(nil)
		case err == nil || ctx.Err() != nil && !took:
			// It was settled, or given more time, while this waited; or the wait was ended.
		case !took && fault.ReasonOf(err) == fault.Busy:
			one.due = time.Now().Add(firstPause) // a switch or a settlement has it, and ends
		default:
			one.due = time.Now().Add(firstPause << one.failed)
			one.failed++
			hears.TookBack(err)
			journal.Error("the change was not confirmed in time, and it cannot be reverted", slog.Any("err", err),
				slog.String("hint", fault.HintOf(err)), slog.Int("attempt", one.failed), slog.Bool("last", one.failed == maxReverts))
		}
	})
}
