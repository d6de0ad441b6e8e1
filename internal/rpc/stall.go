package rpc

import (
	"context"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// chatter is more than what HTTP/2's pings, 17 bytes each, add up to while a
// stream waits.
const chatter = 1 << 10

// stallWatch ends a call in which nothing moves. A chunk counts as movement, and
// so do bytes on the connection beyond what keepalive alone causes: a chunk may
// take longer than the limit over a bad link, and what is slow is never killed.
type stallWatch struct {
	link   *link
	limit  time.Duration
	cancel context.CancelCauseFunc
	timer  *time.Timer

	mu sync.Mutex
	// waiting is whether the receiver waits for the far end; only then can it stall.
	waiting bool
	seen    int64
}

func newStallWatch(l *link, limit time.Duration, cancel context.CancelCauseFunc) *stallWatch {
	w := &stallWatch{link: l, limit: limit, cancel: cancel}
	w.timer = time.AfterFunc(limit, w.fire)
	w.start()
	return w
}

// start notes that the receiver waits from now on.
func (w *stallWatch) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting, w.seen = true, w.link.received.Load()
	w.timer.Reset(w.limit)
}

// stop notes that the receiver waits no more.
func (w *stallWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
	w.timer.Stop()
}

// fire ends the call, and the connection with it: over the same connection, the far end
// would be as silent again.
func (w *stallWatch) fire() {
	if !w.stalled() {
		return
	}
	w.cancel(fault.Transient(fault.Stalled, "nothing came for %v", w.limit).
		WithHint("the same command again goes on where this one stopped"))
	w.link.drop()
}

func (w *stallWatch) stalled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.waiting {
		return false // stopped while this was on its way
	}
	if now := w.link.received.Load(); now-w.seen > chatter {
		w.seen = now
		w.timer.Reset(w.limit)
		return false
	}
	return true
}
