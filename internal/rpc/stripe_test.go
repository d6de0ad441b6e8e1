package rpc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// line is a way to an agent by connections that each carry a window in a round trip, as
// sessions of ssh do.
type line struct {
	agent
	rtt time.Duration

	mu    sync.Mutex
	conns []*windowed
	// refuse is how many connections there may be; 0 is any number.
	refuse int
}

// windowed lets sshWindow bytes pass in each round trip, and everything half of it late.
type windowed struct {
	net.Conn
	rtt  time.Duration
	free time.Time
	read atomic.Int64
}

func (w *windowed) Read(p []byte) (int, error) {
	if len(p) > 64<<10 {
		p = p[:64<<10]
	}
	n, err := w.Conn.Read(p)
	now := time.Now()
	if w.free.Before(now) {
		w.free = now
	}
	w.free = w.free.Add(time.Duration(float64(w.rtt) * float64(n) / sshWindow))
	time.Sleep(w.free.Sub(now))
	w.read.Add(int64(n))
	return n, err
}

func (w *windowed) Write(p []byte) (int, error) {
	time.Sleep(w.rtt)
	return w.Conn.Write(p)
}

func (l *line) connect(ctx context.Context) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse > 0 && len(l.conns) >= l.refuse {
		return nil, fault.Transient(fault.HostUnreachable, "no more sessions")
	}
	conn, err := l.agent.connect(ctx)
	if err != nil {
		return nil, err
	}
	w := &windowed{Conn: conn, rtt: l.rtt}
	l.conns = append(l.conns, w)
	return w, nil
}

func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

func (l *line) client(t *testing.T) *Client {
	t.Helper()
	c, err := Dial(t.Context(), l.connect, Options{Branch: l.connect})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// stream streams all of an image and hashes its layers.
func stream(t *testing.T, c *Client, f *fakeImages, each func(layers.Piece)) error {
	t.Helper()
	sums := map[artifact.Digest]interface{ Sum([]byte) []byte }{}
	err := c.Stream(t.Context(), repo(), all(f.image), nil, func(p layers.Piece) error {
		if sums[p.Digest] == nil {
			sums[p.Digest] = sha256.New()
		}
		_, err := sums[p.Digest].(io.Writer).Write(p.Data)
		each(p)
		return err
	})
	for _, l := range f.image.Layers {
		if err == nil && artifact.DigestSum([32]byte(sums[l.Digest].Sum(nil))) != l.Digest {
			t.Errorf("%s came as other bytes", l.Digest)
		}
	}
	return err
}

func unseen(layers.Piece) {}

// opened counts how often the blobs of an image are read.
func opened(f *fakeImages) *int {
	n := new(int)
	f.open = func(_ context.Context, _ artifact.Digest, r io.Reader) io.Reader { *n++; return r }
	return n
}

func TestALongRoundTripGetsMoreChannels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newImages(100, 96<<20, 3*chunkSize+1)
		reads := opened(f)
		l := &line{agent: serveInMemory(t, registerImages(f)), rtt: 100 * time.Millisecond}
		c := l.client(t)
		began := time.Now()
		if err := stream(t, c, f, unseen); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		alone := 48 * l.rtt
		if l.count() != maxChannels || took > alone*2/3 || *reads != 3 {
			t.Errorf("%d channels took %v, alone %v; %d reads", l.count(), took, alone, *reads)
		}
		// The channels are there for the next stream.
		if err := stream(t, c, f, unseen); err != nil || l.count() != maxChannels {
			t.Errorf("again: %v, %d channels", err, l.count())
		}
		_ = c.Close()
	})
}

func TestAShortRoundTripOrALittleStreamGetsNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rtt  time.Duration
		size int
	}{"a short round trip": {0, 64 << 20}, "a little stream": {100 * time.Millisecond, 8 << 20}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newImages(c.size)
				l := &line{agent: serveInMemory(t, registerImages(f)), rtt: c.rtt}
				client := l.client(t)
				if err := stream(t, client, f, unseen); err != nil || l.count() != 1 {
					t.Errorf("%v, %d channels", err, l.count())
				}
				_ = client.Close()
			})
		})
	}
}

func TestRefusedChannelsAreDoneWithout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newImages(64 << 20)
		l := &line{agent: serveInMemory(t, registerImages(f)), rtt: 100 * time.Millisecond, refuse: 1}
		c := l.client(t)
		if err := stream(t, c, f, unseen); err != nil {
			t.Fatal(err)
		}
		if c.channels.limit() != 1 {
			t.Errorf("the next stream asks for %d again", c.channels.limit())
		}
		_ = c.Close()
	})
}

func TestALostChannelEndsTheStreamAndTheNextHasFewer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newImages(128 << 20)
		l := &line{agent: serveInMemory(t, registerImages(f)), rtt: 100 * time.Millisecond}
		c := l.client(t)
		lost := false
		err := stream(t, c, f, func(layers.Piece) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if len(l.conns) == maxChannels && l.conns[7].read.Load() > chunkSize && !lost {
				lost = true
				_ = l.conns[7].Close()
			}
		})
		wantReason(t, err, fault.HostUnreachable, true)
		n := c.channels.limit()
		if !lost || n < 1 || n > maxChannels/2 {
			t.Errorf("the next has %d channels", n)
		}
		before := l.count()
		if err := stream(t, c, f, unseen); err != nil || l.count() != before+n-1 {
			t.Errorf("again: %v, %d more channels", err, l.count()-before)
		}
		_ = c.Close()
	})
}

func TestAnAgentThatKnowsNoStripesStreamsAsBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newImages(64 << 20)
		var seen []*artifactv1.StreamRequest
		var mu sync.Mutex
		old := &oldImages{newImageServer(f, nil), func(r *artifactv1.StreamRequest) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, r)
		}}
		l := &line{agent: serveInMemory(t, func(s *grpc.Server) { artifactv1.RegisterImageServiceServer(s, old) }), rtt: 100 * time.Millisecond}
		c := l.client(t)
		if err := stream(t, c, f, unseen); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(seen) < 2 {
			t.Errorf("%d calls", len(seen))
		}
		for _, r := range seen[1:] {
			if len(r.GetRanges()) > 0 {
				t.Errorf("an agent that knows no stripes is asked twice for %v", r.GetRanges())
			}
		}
		_ = c.Close()
	})
}

// oldImages is an agent from before there were stripes.
type oldImages struct {
	*imageServer
	seen func(*artifactv1.StreamRequest)
}

func (o *oldImages) Stream(req *artifactv1.StreamRequest, s grpc.ServerStreamingServer[artifactv1.StreamResponse]) error {
	o.seen(req)
	return o.imageServer.Stream(&artifactv1.StreamRequest{Repository: req.GetRepository(), Ranges: req.GetRanges()}, s)
}

func TestACallThatWasNotAskedForIsAnError(t *testing.T) {
	t.Parallel()
	f := newImages(10)
	d := f.image.Layers[0].Digest.String()
	for _, next := range []uint32{1, 7, 8, 1 << 31} {
		liar := &liar{chunks: []*artifactv1.StreamResponse{{Digest: d, Data: make([]byte, 5), Next: next}, {Digest: d, Offset: 5, Data: make([]byte, 5)}}}
		err := serveLiar(t, liar).dial(t, Options{}).Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { return nil })
		wantReason(t, err, fault.Internal, false)
	}
}

func TestStrangeStripesAreRefused(t *testing.T) {
	t.Parallel()
	f := newImages(20 * chunkSize)
	release := make(chan struct{})
	f.open = func(ctx context.Context, _ artifact.Digest, r io.Reader) io.Reader {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return r
	}
	images := serveImages(t, f).dial(t, Options{}).images
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	key := "0123456789abcdef"
	whole := rangesToProto(all(f.image))
	call := func(r *artifactv1.StreamRequest) (grpc.ServerStreamingClient[artifactv1.StreamResponse], error) {
		s, err := images.Stream(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return s, nil
	}
	// The first call is there once its headers are.
	first, _ := call(&artifactv1.StreamRequest{Repository: repo().String(), Ranges: whole, Stripe: &artifactv1.Stripe{Key: key}})
	if _, err := first.Header(); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*artifactv1.StreamRequest{
		"a short key":          {Repository: repo().String(), Stripe: &artifactv1.Stripe{Key: "x", Index: 1}},
		"another key":          {Repository: repo().String(), Stripe: &artifactv1.Stripe{Key: "0123456789abcdee", Index: 1}},
		"no key":               {Repository: repo().String(), Stripe: &artifactv1.Stripe{Index: 1}},
		"another repository":   {Repository: "unidesk/other", Stripe: &artifactv1.Stripe{Key: key, Index: 1}},
		"an eighth":            {Repository: repo().String(), Stripe: &artifactv1.Stripe{Key: key, Index: maxChannels}},
		"ranges of its own":    {Repository: repo().String(), Ranges: whole, Stripe: &artifactv1.Stripe{Key: key, Index: 1}},
		"the same key again":   {Repository: repo().String(), Ranges: whole, Stripe: &artifactv1.Stripe{Key: key}},
		"a strange first key":  {Repository: repo().String(), Ranges: whole, Stripe: &artifactv1.Stripe{Key: "../../../../../../../x"}},
		"a call without range": {Repository: repo().String(), Stripe: &artifactv1.Stripe{Key: key}},
	} {
		s, _ := call(r)
		_, err := s.Recv()
		if err := fromStatus("", err); err.Reason != fault.InvalidRequest || err.Retry {
			t.Errorf("%s: %v", name, err)
		}
	}
	close(release)
	var got bytes.Buffer
	for {
		m, err := first.Recv()
		if err != nil {
			break
		}
		got.Write(m.GetData())
	}
	if artifact.DigestOf(got.Bytes()) != f.image.Layers[0].Digest {
		t.Errorf("the stream itself brought %d bytes", got.Len())
	}
}

func TestTheWayOfChannelsByRateAndRoundTrip(t *testing.T) {
	t.Parallel()
	const rtt, much = 100 * time.Millisecond, 1 << 40
	for name, c := range map[string]struct {
		bytes, left int64 // in two round trips
		have, want  int
	}{
		"a full window":           {2 * sshWindow, much, 1, 4},
		"slow start":              {sshWindow / 4, much, 1, 1},
		"a slow line":             {sshWindow / 2, much, 1, 1},
		"most of a window":        {sshWindow * 17 / 10, much, 1, 4},
		"over soon":               {2 * sshWindow, 8 * sshWindow, 1, 1},
		"faster than windows":     {4 * sshWindow, much, 1, 1},
		"four full":               {8 * sshWindow, much, 4, 8},
		"four, and the line full": {3 * sshWindow, much, 4, 4},
		"eight full":              {16 * sshWindow, much, 8, 8},
	} {
		began := time.Unix(1000, 0)
		p := pace{rtt: rtt, since: began}
		if n := p.took(began.Add(rtt), c.bytes/2, c.left, c.have); n != c.have {
			t.Errorf("%s: %d before two round trips", name, n)
		}
		if n := p.took(began.Add(2*rtt), c.bytes/2, c.left, c.have); n != c.want {
			t.Errorf("%s: %d channels, want %d", name, n, c.want)
		}
	}
}

func TestARoundTripThatABusyHostStretchedIsMeasuredAgain(t *testing.T) {
	t.Parallel()
	const real, stretched, much = 100 * time.Millisecond, 400 * time.Millisecond, 1 << 40
	now := time.Unix(1000, 0)
	p := pace{rtt: stretched, since: now}
	have := 1
	for looks := 0; have == 1 && looks < 3; looks++ {
		since := now
		now = now.Add(2 * p.rtt)
		have = p.took(now, int64(sshWindow*now.Sub(since)/real), much, have) // as much as the window allows
	}
	if have != 4 || p.rtt < real || p.rtt > 2*real {
		t.Errorf("%d channels by a round trip of %s", have, p.rtt)
	}
}

// silentStream is the far end of a call that takes nothing.
type silentStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // a stream's
}

func (s silentStream) Context() context.Context { return s.ctx }

func (s silentStream) SendMsg(any) error { <-s.ctx.Done(); return s.ctx.Err() }

func TestACallThatGoesAwayEndsTheOthers(t *testing.T) {
	t.Parallel()
	s, key := newStripes(), "0123456789abcdef"
	first, second := silentStream{ctx: t.Context()}, silentStream{}
	var leave context.CancelFunc
	second.ctx, leave = context.WithCancel(t.Context())
	joined := make(chan error, 1)
	err := s.begin(key, repo(), first, func(out outlet) error {
		go func() {
			joined <- s.join(&artifactv1.StreamRequest{Repository: repo().String(), Stripe: &artifactv1.Stripe{Key: key, Index: 1}}, second)
		}()
		leave()
		<-out.Context().Done()
		return context.Cause(out.Context())
	})
	wantReason(t, fromStatus("", Status(err)), fault.HostUnreachable, true)
	if err := <-joined; err == nil {
		t.Error("the call that went away ended well")
	}
	if len(s.byKey) != 0 || len(s.joined) != 0 {
		t.Errorf("left: %d streams, %d calls", len(s.byKey), len(s.joined))
	}
}

func TestNoMoreCallsJoinThanMemoryIsPromisedFor(t *testing.T) {
	t.Parallel()
	s := newStripes()
	ctx, cancel := context.WithCancel(t.Context())
	stream := silentStream{ctx: ctx}
	var all sync.WaitGroup
	keys := []string{"0123456789abcde0", "0123456789abcde1", "0123456789abcde2", "0123456789abcde3"}
	refused := make(chan error, len(keys)*maxChannels)
	var begun sync.WaitGroup
	for _, key := range keys {
		begun.Add(1)
		all.Go(func() {
			_ = s.begin(key, repo(), stream, func(outlet) error { begun.Done(); <-ctx.Done(); return ctx.Err() })
		})
	}
	begun.Wait()
	for _, key := range keys {
		for i := range uint32(maxChannels - 1) {
			all.Go(func() {
				err := s.join(&artifactv1.StreamRequest{Repository: repo().String(), Stripe: &artifactv1.Stripe{Key: key, Index: i + 1}}, stream)
				if ctx.Err() == nil {
					refused <- err
				}
			})
		}
	}
	for range len(keys)*(maxChannels-1) - maxJoined {
		wantReason(t, <-refused, fault.Busy, true)
	}
	cancel()
	all.Wait()
	if len(refused) > 0 || len(s.joined) != 0 {
		t.Errorf("%d more were refused, %d are left", len(refused), len(s.joined))
	}
}
