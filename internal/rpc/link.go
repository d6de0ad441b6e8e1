package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// link makes connections for gRPC and remembers what gRPC only turns into text: why a
// connection could not be made, or ended.
type link struct {
	connect func(context.Context) (net.Conn, error)
	// received counts bytes over all connections: a stream in which a large chunk
	// takes its time still moves.
	received atomic.Int64
	// total, unless nil, counts them too: those of all channels of a client.
	total *atomic.Int64

	mu   sync.Mutex
	conn net.Conn
	err  error
}

// dial is gRPC's dialer.
func (l *link) dial(ctx context.Context, _ string) (net.Conn, error) {
	conn, err := l.connect(ctx)
	if err != nil {
		l.note(err)
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.err = conn, nil
	return &linkConn{conn, l}, nil
}

// drop closes the connection, so that the next call makes another.
func (l *link) drop() {
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
}

// note keeps the first fault since the last connection was made.
func (l *link) note(err error) {
	f := (*fault.Error)(nil)
	if err == nil || !errors.As(err, &f) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

// failure returns the fault by which the last connection was not made, or ended.
func (l *link) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// silent reports whether a connection was made, and nothing ever came over any.
func (l *link) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn != nil && l.received.Load() == 0
}

// linkConn is a connection whose end is noted.
type linkConn struct {
	net.Conn
	link *link
}

// Read counts.
func (c *linkConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.link.received.Add(int64(n))
	if c.link.total != nil {
		c.link.total.Add(int64(n))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.link.note(err)
	}
	return n, err
}

// Write notes why it failed.
func (c *linkConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.link.note(err)
	return n, err
}
