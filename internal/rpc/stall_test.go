package rpc

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

const stall = 500 * time.Millisecond

func TestASilentStreamStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newImages(4 * chunkSize)
		f.open = func(ctx context.Context, _ artifact.Digest, r io.Reader) io.Reader {
			return io.MultiReader(io.LimitReader(r, chunkSize), silent{ctx})
		}
		var last time.Time
		got := 0
		err := serveInMemory(t, registerImages(f)).dial(t, Options{Stall: stall}).
			Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { got, last = got+1, time.Now(); return nil })
		wantReason(t, err, fault.Stalled, true)
		if took := time.Since(last); got != 1 || took != stall {
			t.Errorf("it stalled %v after %d chunks", took, got)
		}
	})
}

func TestAfterAStallTheNextCallConnectsAnew(t *testing.T) {
	t.Parallel()
	f := newImages(4 * chunkSize)
	a := serveImages(t, f)
	var conns atomic.Int64
	c, err := Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		conn, err := a.connect(ctx)
		if conns.Add(1) > 1 {
			return conn, err
		}
		return &deaf{Conn: conn, closed: make(chan struct{})}, err
	}, Options{Stall: stall})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	err = c.Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { return nil })
	wantReason(t, err, fault.Stalled, true)
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) { // the connection is closed right after the call has ended
		if err = c.Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { return nil }); err == nil {
			break
		}
	}
	if err != nil || conns.Load() != 2 {
		t.Errorf("%d connections: %v", conns.Load(), err)
	}
}

// deaf is a connection on which nothing comes any more after the first kilobytes.
type deaf struct {
	net.Conn
	read   int
	once   sync.Once
	closed chan struct{}
}

func (d *deaf) Read(p []byte) (int, error) {
	if d.read > chunkSize {
		<-d.closed
		return 0, net.ErrClosed
	}
	n, err := d.Conn.Read(p)
	d.read += n
	return n, err
}

func (d *deaf) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Conn.Close()
}

type silent struct{ ctx context.Context } //nolint:containedctx // what ends its reads

func (s silent) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// slowly passes a few bytes at a time on.
type slowly struct {
	net.Conn
	bytes int
	pause time.Duration
}

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.Conn.Read(p[:min(len(p), s.bytes)])
}

func TestASlowStreamDoesNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newImages(chunkSize)
		a := serveInMemory(t, registerImages(f))
		// A chunk takes some 32 reads of 8 KiB, 60 ms each: four times the limit.
		c, err := Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
			conn, err := a.connect(ctx)
			return slowly{conn, 8 << 10, 60 * time.Millisecond}, err
		}, Options{Stall: stall})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		began := time.Now()
		if err := c.Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { return nil }); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 2*stall {
			t.Errorf("a chunk took %v, which is not slow", took)
		}
	})
}

func TestAReceiverThatTakesItsTimeDoesNotStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newImages(64 * chunkSize) // more than can be on its way meanwhile
		err := serveInMemory(t, registerImages(f)).dial(t, Options{Stall: stall}).
			Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error {
				time.Sleep(2 * stall)
				return nil
			})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestAStallTimerThatIsLateEndsNothing(t *testing.T) {
	t.Parallel()
	w := newStallWatch(&link{}, time.Hour, func(error) { t.Error("ended") })
	w.stop()
	w.fire()
}
