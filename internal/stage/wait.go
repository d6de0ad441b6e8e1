package stage

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Staging waits for a registry, an engine or a line that goes away in the middle: it takes
// seconds to come back by itself, a host a minute. The pauses grow from the first to the
// longest.
const (
	patience     = 2 * time.Minute
	firstPause   = 500 * time.Millisecond
	longestPause = 8 * time.Second
)

// waiting measures the time since bytes last came.
type waiting struct {
	since time.Time
	pause time.Duration
	told  bool // it has reported the wait
	say   func(point workload.Point, text string)
}

func newWaiting(say func(workload.Point, string)) *waiting {
	w := &waiting{say: say}
	w.came()
	return w
}

// came restarts the measurement, because bytes came.
func (w *waiting) came() { w.since, w.pause, w.told = time.Now(), firstPause, false }

// after waits until a failed act may be retried. It returns the error if a retry is of no
// use: the error does not pass by itself, or has not for too long.
func (w *waiting) after(ctx context.Context, err error) error {
	left := patience - time.Since(w.since)
	if !fault.Retryable(err) || left <= 0 {
		return err
	}
	if w.pause > firstPause && !w.told { // it is more than a short cut of the line
		w.told = true
		w.say(workload.PointTransfer, "waiting for up to "+left.Round(time.Second).String()+": "+plain.Text(err.Error()))
	}
	if sleep(ctx, min(w.pause, left)) != nil {
		return context.Cause(ctx)
	}
	w.pause = min(2*w.pause, longestPause)
	return nil
}
