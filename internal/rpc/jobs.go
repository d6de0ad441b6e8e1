package rpc

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// maxQueue is how many events wait for a caller that does not take them. The caller
// loses the events that come later; the job goes on.
const maxQueue = 64

// errStopping ends jobs when the agent stops. What a job has begun and must not
// be left half done, a recreate above all, it ends all the same.
var errStopping = fault.Transient(fault.Busy, "the agent is being stopped")

// jobs are what callers have begun. A job goes on under its own deadline when its
// caller has gone; the very same request attaches to it, so that a cut connection
// costs neither a second pull nor a second outage. Another request is a job of its
// own. E is what a job emits, R what it results in.
type jobs[E, R any] struct {
	rules[E]
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	running map[string]*job[E, R]
	closed  bool
}

// rules are what differs between the jobs of services.
type rules[E any] struct {
	log *slog.Logger
	// most is how many are under way at once; full refuses a further job and gets the
	// name of a job that is under way.
	most int
	full func(holder string) error
	// grace is how long jobs get to end by themselves when the agent stops. stopped
	// returns the error that the caller gets for the error of a job that is ended
	// then; nil keeps the job's error.
	grace   time.Duration
	stopped func(err error) error
	// replaces reports whether an event makes the event before it worthless to a
	// follower that has taken neither; nil for never.
	replaces func(next, last E) bool
}

func newJobs[E, R any](r rules[E]) *jobs[E, R] {
	return &jobs[E, R]{rules: r, stop: make(chan struct{}), running: make(map[string]*job[E, R])}
}

// act is what a job does.
type act[E, R any] struct {
	// key is the whole request, name what it is about in words for people.
	key, name string
	limit     time.Duration
	do        func(ctx context.Context, emit func(E)) (R, error)
}

// job is a single act that a caller has begun.
type job[E, R any] struct {
	name     string
	replaces func(next, last E) bool
	// done is closed at the end; result and err are how it ended.
	done   chan struct{}
	result R
	err    error

	mu sync.Mutex
	// tail are its last events, at most maxQueue.
	tail      []E
	followers map[*follower[E]]bool
	// first follows from the beginning, for the caller that begins the job.
	first *follower[E]
}

// attach returns the job that the act's key names: the job under way or a new job.
func (a *jobs[E, R]) attach(ctx context.Context, what act[E, R]) (*job[E, R], error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if one := a.running[what.key]; one != nil {
		return one, nil
	}
	if a.closed {
		return nil, stopping()
	}
	if len(a.running) >= a.most {
		for _, holder := range a.running {
			return nil, a.full(holder.name)
		}
	}
	first := newFollower[E]()
	one := &job[E, R]{name: what.name, replaces: a.replaces, done: make(chan struct{}), followers: map[*follower[E]]bool{first: true}, first: first}
	a.running[what.key] = one
	a.wg.Go(func() {
		one.result, one.err = a.run(context.WithoutCancel(ctx), what, one.emit)
		a.mu.Lock()
		delete(a.running, what.key)
		a.mu.Unlock()
		close(one.done)
	})
	return one, nil
}

func (a *jobs[E, R]) run(ctx context.Context, what act[E, R], emit func(E)) (result R, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, end := context.WithTimeoutCause(ctx, what.limit, fault.Transient(fault.Busy, "the job took longer than %v", what.limit))
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
	result, err = what.do(ctx, emit)
	if err != nil && errors.Is(context.Cause(ctx), errStopping) {
		a.log.Warn("job ended since the agent stops", slog.Any("err", err))
		if a.stopped != nil {
			err = a.stopped(err)
		}
	}
	return result, err
}

// stopping looks to the caller like a broken connection: the caller comes back and
// attaches to the job that the next agent finds.
func stopping() error { return status.Error(codes.Unavailable, "the agent is stopping") }

// close lets no job begin, ends the jobs that take longer than the grace, and waits
// for all.
func (a *jobs[E, R]) close() {
	a.mu.Lock()
	first := !a.closed
	a.closed = true
	a.mu.Unlock()
	if first {
		defer time.AfterFunc(a.grace, func() { close(a.stop) }).Stop()
	}
	a.wg.Wait()
}

// keyOf names an act by its whole request.
func keyOf(what string, req proto.Message) (string, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return "", fault.New(fault.Internal, "encode a request: %w", err)
	}
	return what + " " + artifact.DigestOf(b).String(), nil
}

// emit hands an event to all who follow, and never waits for a follower.
func (o *job[E, R]) emit(e E) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.tail) == maxQueue {
		o.tail = o.tail[1:]
	}
	o.tail = append(o.tail, e)
	for f := range o.followers {
		f.put(e, o.replaces)
	}
}

// wait is for a caller that wants the end only, and with it the act's last events,
// those before the call, too.
func (o *job[E, R]) wait(ctx context.Context) ([]E, error) {
	select {
	case <-o.done:
		return o.tail, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// follow sends the job's events: all of them to the caller that began it; to any other caller
// the last event before the call, and those after it. It sends the zero event, a sign of
// life, if no event comes for as long as quiet; never if quiet is 0. It returns how the job
// ended, or why the caller does not listen any more.
func (o *job[E, R]) follow(ctx context.Context, quiet time.Duration, send func(E) error) (result R, err error) {
	o.mu.Lock()
	f := o.first
	o.first = nil
	if f == nil {
		f = newFollower[E]()
		if n := len(o.tail); n > 0 {
			f.put(o.tail[n-1], nil)
		}
		o.followers[f] = true
	}
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.followers, f)
	}()
	quiet = cmp.Or(quiet, math.MaxInt64)
	life := time.NewTicker(quiet)
	defer life.Stop()
	for {
		ended := false
		select {
		case <-o.done:
			ended = true // everything was emitted before
		case <-f.wake:
		case <-life.C:
			var sign E
			if err := send(sign); err != nil {
				return result, err
			}
			continue
		case <-ctx.Done():
			return result, context.Cause(ctx)
		}
		for _, e := range o.take(f) {
			if err := send(e); err != nil {
				return result, err
			}
			life.Reset(quiet)
		}
		if ended {
			return o.result, o.err
		}
	}
}

func newFollower[E any]() *follower[E] { return &follower[E]{wake: make(chan struct{}, 1)} }

// follower is a queue of events; the job's mutex guards it.
type follower[E any] struct {
	queue []E
	wake  chan struct{}
}

// put adds an event, in the place of the last event when it replaces that.
func (f *follower[E]) put(e E, replaces func(next, last E) bool) {
	n := len(f.queue)
	switch {
	case n > 0 && replaces != nil && replaces(e, f.queue[n-1]):
		f.queue[n-1] = e
	case n < maxQueue:
		f.queue = append(f.queue, e)
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (o *job[E, R]) take(f *follower[E]) []E {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := f.queue
	f.queue = nil
	return q
}
