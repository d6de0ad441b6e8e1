package rpc

import (
	"cmp"
	"context"
	"regexp"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

const (
	// maxChannels is the most calls that share a stream.
	maxChannels = 8
	// maxJoined is how many calls may have joined streams at once, over all streams: each
	// holds two chunks.
	maxJoined = 24
)

var stripeKey = regexp.MustCompile(`^[A-Za-z0-9]{16,64}$`)

// stripes are the streams under way that other calls may join, by their keys.
type stripes struct {
	joined chan struct{} // a token for each call that has joined
	mu     *sync.Mutex
	byKey  map[string]*stripe
}

func newStripes() stripes {
	return stripes{joined: make(chan struct{}, maxJoined), mu: new(sync.Mutex), byKey: map[string]*stripe{}}
}

// begin serves a stream's call 0, and hands send's messages to it and to the calls that
// join.
func (s stripes) begin(key string, repo artifact.Repository, stream grpc.ServerStream, send func(outlet) error) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	st := &stripe{ctx: ctx, cancel: cancel, repo: repo}
	first, err := st.add(0)
	if err != nil {
		return err
	}
	s.mu.Lock()
	_, taken := s.byKey[key]
	if !taken {
		s.byKey[key] = st
	}
	s.mu.Unlock()
	if taken {
		return fault.New(fault.InvalidRequest, "stripe.key: names another stream")
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.byKey, key)
	}()
	carried := make(chan error, 1)
	go func() { carried <- st.carry(first, stream) }()
	err = send(st)
	st.end(err)
	st.carrying.Wait() // the end of this call is the end of its context, and that of the stream
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return cmp.Or(err, <-carried)
}

// join serves a further call of a stream.
func (s stripes) join(req *artifactv1.StreamRequest, stream grpc.ServerStream) error {
	var f fields
	repo, key := f.repository("repository", req.GetRepository()), f.match("stripe.key", stripeKey, req.GetStripe().GetKey())
	index := req.GetStripe().GetIndex()
	if index >= maxChannels {
		f.refuse("stripe.index", "not below 8")
	}
	if len(req.GetRanges())+len(req.GetBases()) > 0 {
		f.refuse("ranges", "call 0 of the stream has them")
	}
	if f.err != nil {
		return f.err
	}
	s.mu.Lock()
	st := s.byKey[key]
	s.mu.Unlock()
	if st == nil || st.repo != repo {
		return fault.New(fault.InvalidRequest, "stripe.key: no such stream is under way")
	}
	select {
	case s.joined <- struct{}{}:
		defer func() { <-s.joined }()
	default:
		return fault.Transient(fault.Busy, "%d calls have joined streams already", maxJoined)
	}
	lane, err := st.add(index)
	if err != nil {
		return err
	}
	return st.carry(lane, stream)
}

// stripe deals the messages of a stream out to its calls, in turn. It is a [outlet] for
// the single goroutine that reads them.
type stripe struct {
	ctx    context.Context //nolint:containedctx // an outlet has a context, as grpc.ServerStream
	cancel context.CancelCauseFunc
	repo   artifact.Repository

	mu    sync.Mutex
	ended bool
	err   error  // with which all calls end, once their messages are sent
	turn  []lane // in the order in which they joined
	now   int    // in turn, of the next message
	// carrying waits for the calls.
	carrying sync.WaitGroup
}

// lane is a call's part of a stripe. Its queue holds a chunk: another waits in SendMsg.
type lane struct {
	index uint32
	queue chan chunk
}

// add makes a lane that has its turn from now on.
func (s *stripe) add(index uint32) (lane, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.turn {
		if l.index == index {
			return lane{}, fault.New(fault.InvalidRequest, "stripe.index: the stream has this call")
		}
	}
	if s.ended {
		return lane{}, fault.New(fault.InvalidRequest, "stripe.key: the stream has ended")
	}
	l := lane{index, make(chan chunk, 1)}
	s.turn = append(s.turn, l)
	s.carrying.Add(1)
	return l, nil
}

// Context implements outlet.
func (s *stripe) Context() context.Context { return s.ctx }

// SendMsg gives a chunk to the call whose turn it is. It waits for the call to have room.
func (s *stripe) SendMsg(m any) error {
	c, ok := m.(*chunk)
	if !ok {
		return fault.New(fault.Internal, "a stream of %T", m)
	}
	s.mu.Lock()
	to := s.turn[s.now]
	s.now = s.after(s.now)
	c.next = s.turn[s.now].index
	s.mu.Unlock()
	mine := *c
	if mine.buf != nil {
		mine.buf.Ref()
	}
	select {
	case to.queue <- mine:
		return nil
	case <-s.ctx.Done():
		mine.free()
		return context.Cause(s.ctx)
	}
}

// after returns the lane whose turn comes after now: the first with an empty queue, else the
// next. s.mu is held.
func (s *stripe) after(now int) int {
	for i := range s.turn {
		if n := (now + 1 + i) % len(s.turn); len(s.turn[n].queue) == 0 {
			return n
		}
	}
	return (now + 1) % len(s.turn)
}

// end ends all calls with err, after they have sent what they have.
func (s *stripe) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.err = true, err
	for _, l := range s.turn {
		close(l.queue)
	}
}

// carry sends a lane's chunks by a call. A call that fails ends all.
func (s *stripe) carry(l lane, stream grpc.ServerStream) error {
	defer s.carrying.Done()
	for {
		select {
		case c, more := <-l.queue:
			if !more {
				s.mu.Lock()
				defer s.mu.Unlock()
				return s.err
			}
			err := stream.SendMsg(&c)
			c.free()
			if err != nil {
				s.cancel(gone(l))
				return err
			}
		case <-stream.Context().Done():
			s.cancel(gone(l))
			return context.Cause(stream.Context())
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
}

// gone is the error with which all calls of a stream end if l's call does. The receiver takes
// it for a connection that broke.
func gone(l lane) error {
	return status.Errorf(codes.Unavailable, "call %d of the stream went away", l.index)
}
