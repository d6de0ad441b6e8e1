package rpc

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const (
	// maxJobs is how many jobs an agent has under way at once.
	maxJobs = 16
	// maxQueue is how many events wait for a caller that does not take them. The caller
	// loses the events that come later; the job goes on.
	maxQueue = 64
)

// errStopping ends jobs when the agent stops. What a job has begun and must not
// be left half done, a recreate above all, it ends all the same.
var errStopping = errors.New("the agent is stopping")

// jobs are what callers have begun. A job goes on under its own deadline when its
// caller has gone; the very same request attaches to it, so that a cut connection
// costs neither a second pull nor a second outage. Another request, for the same
// workload too, is a job of its own: the target's lock, which holds against
// other processes as well, puts them in order.
type jobs struct {
	log  *slog.Logger
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	running map[string]*job
	stopped bool
}

func newJobs(log *slog.Logger) *jobs {
	return &jobs{log: log, stop: make(chan struct{}), running: make(map[string]*job)}
}

// job is a single act that a caller has begun.
type job struct {
	// done is closed at the end; err is how it ended.
	done chan struct{}
	err  error

	mu sync.Mutex
	// tail are its last events, at most maxQueue.
	tail      []workload.Event
	followers map[*follower]bool
}

// attach returns the job that key, the whole request, names: the job under way
// or a new job.
func (a *jobs) attach(ctx context.Context, key string, limit time.Duration, do func(context.Context, func(workload.Event)) error) (*job, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if one := a.running[key]; one != nil {
		return one, nil
	}
	if a.stopped {
		return nil, stopping()
	}
	if len(a.running) >= maxJobs {
		return nil, fault.Transient(fault.Busy, "%d jobs are under way already", maxJobs)
	}
	one := &job{done: make(chan struct{}), followers: make(map[*follower]bool)}
	a.running[key] = one
	a.wg.Go(func() {
		one.err = a.run(context.WithoutCancel(ctx), limit, one, do)
		a.mu.Lock()
		delete(a.running, key)
		a.mu.Unlock()
		close(one.done)
	})
	return one, nil
}

func (a *jobs) run(ctx context.Context, limit time.Duration, one *job, do func(context.Context, func(workload.Event)) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, end := context.WithTimeoutCause(ctx, limit, fault.Transient(fault.Busy, "the job took longer than %v", limit))
	defer end()
	over := make(chan struct{})
	defer close(over)
	a.wg.Go(func() {
		select {
		case <-a.stop:
			cancel(errStopping)
		case <-over:
		}
	})
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Internal, "the agent panicked; its journal says where")
			a.log.Error("job panicked", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
	}()
	err = do(ctx, one.emit)
	if err != nil && errors.Is(context.Cause(ctx), errStopping) {
		a.log.Warn("job ended since the agent stops", slog.Any("err", err))
		return stopping()
	}
	return err
}

// stopping is for the caller as a connection that is not there: it comes back and
// attaches to what the next agent finds.
func stopping() error { return status.Error(codes.Unavailable, errStopping.Error()) }

// close ends all jobs and waits for them. None begins afterwards.
func (a *jobs) close() {
	a.mu.Lock()
	if !a.stopped {
		a.stopped = true
		close(a.stop)
	}
	a.mu.Unlock()
	a.wg.Wait()
}

// emit hands an event to all who follow, and never waits for one of them.
func (o *job) emit(e workload.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.tail) == maxQueue {
		o.tail = o.tail[1:]
	}
	o.tail = append(o.tail, e)
	for f := range o.followers {
		f.put(e)
	}
}

// wait is for a caller that wants the end only, and with it the act's last events,
// those before the call, too.
func (o *job) wait(ctx context.Context) ([]workload.Event, error) {
	select {
	case <-o.done:
		return o.tail, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// follow sends the job's events, first the last event before the call. It sends a sign
// of life if no event comes for as long as quiet. It returns how the job ended, or why
// the caller does not listen any more.
func (o *job) follow(ctx context.Context, quiet time.Duration, send func(workload.Event) error) error {
	f := &follower{wake: make(chan struct{}, 1)}
	o.mu.Lock()
	if n := len(o.tail); n > 0 {
		f.put(o.tail[n-1])
	}
	o.followers[f] = true
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.followers, f)
	}()
	life := time.NewTicker(quiet)
	defer life.Stop()
	for {
		ended := false
		select {
		case <-o.done:
			ended = true // everything was emitted before
		case <-f.wake:
		case <-life.C:
			if err := send(workload.Event{}); err != nil {
				return err
			}
			continue
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		for _, e := range o.take(f) {
			if err := send(e); err != nil {
				return err
			}
			life.Reset(quiet)
		}
		if ended {
			return o.err
		}
	}
}

// follower is a queue of events; the job's mutex guards it.
type follower struct {
	queue []workload.Event
	wake  chan struct{}
}

func (f *follower) put(e workload.Event) {
	n := len(f.queue)
	switch {
	case n > 0 && e.Point == workload.PointTransfer && f.queue[n-1].Point == e.Point:
		f.queue[n-1] = e // the newer count is the better one
	case n < maxQueue:
		f.queue = append(f.queue, e)
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (o *job) take(f *follower) []workload.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := f.queue
	f.queue = nil
	return q
}
