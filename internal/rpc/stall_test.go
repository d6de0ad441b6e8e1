package rpc

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

func TestASilentStreamStalls(t *testing.T) {
	t.Parallel()
	f := newImages(4 * chunkSize)
	f.open = func(ctx context.Context, _ artifact.Digest, r io.Reader) io.Reader {
		return io.MultiReader(io.LimitReader(r, chunkSize), silent{ctx})
	}
	var got int
	began := time.Now()
	err := serveImages(t, f).dial(t, Options{Stall: 500 * time.Millisecond}).
		Stream(t.Context(), repo(), all(f.image), func(layers.Chunk) error { got++; return nil })
	wantReason(t, err, fault.Stalled, true)
	if took := time.Since(began); got != 1 || took < 500*time.Millisecond || took > 5*time.Second {
		t.Errorf("after %v and %d chunks", took, got)
	}
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
	}, Options{Stall: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	err = c.Stream(t.Context(), repo(), all(f.image), func(layers.Chunk) error { return nil })
	wantReason(t, err, fault.Stalled, true)
	for range 50 { // the connection is closed right after the call has ended
		if err = c.Stream(t.Context(), repo(), all(f.image), func(layers.Chunk) error { return nil }); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
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
	f := newImages(chunkSize)
	a := serveImages(t, f)
	// A chunk takes some 32 reads of 8 KiB, 60 ms each: four times the limit.
	c, err := Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		conn, err := a.connect(ctx)
		return slowly{conn, 8 << 10, 60 * time.Millisecond}, err
	}, Options{Stall: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Stream(t.Context(), repo(), all(f.image), func(layers.Chunk) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestAReceiverThatTakesItsTimeDoesNotStall(t *testing.T) {
	t.Parallel()
	f := newImages(64 * chunkSize) // more than can be on its way meanwhile
	err := serveImages(t, f).dial(t, Options{Stall: 500 * time.Millisecond}).
		Stream(t.Context(), repo(), all(f.image), func(c layers.Chunk) error {
			if c.Offset <= 2*chunkSize {
				time.Sleep(1200 * time.Millisecond)
			}
			return nil
		})
	if err != nil {
		t.Error(err)
	}
}

func TestAStallTimerThatIsLateEndsNothing(t *testing.T) {
	t.Parallel()
	w := newStallWatch(&link{}, time.Hour, func(error) { t.Error("ended") })
	w.stop()
	w.fire()
}
