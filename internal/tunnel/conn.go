package tunnel

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// How long a child that must end, or has closed its output, gets before it is killed or
// given up on.
const (
	closeGrace = 2 * time.Second
	deathGrace = 2 * time.Second
)

// stream is what a Conn runs over: a child's pipes or a socket.
type stream interface {
	io.ReadWriter
	SetDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	// cause returns why the stream has ended, nil when nothing is known.
	cause() error
	close()
}

// Conn is a connection to an agent. It is a net.Conn, deadlines included.
type Conn struct {
	stream
	name           string
	sent, received atomic.Int64
	once           sync.Once
	closed         atomic.Bool
}

var _ net.Conn = (*Conn)(nil)

// Counts returns the bytes that went in and came out so far. Over ssh that is
// ssh's payload, the preface included, without what encryption adds.
func (c *Conn) Counts() (sent, received int64) { return c.sent.Load(), c.received.Load() }

// Read reads what the agent sent. At the end of a child's output its error has how the
// child ended, and what the child printed.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.stream.Read(p)
	c.received.Add(int64(n))
	return n, c.explain(err)
}

// Write sends to the agent.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.stream.Write(p)
	c.sent.Add(int64(n))
	return n, c.explain(err)
}

// explain puts the cause of an end in its place. A time-out is not an end.
func (c *Conn) explain(err error) error {
	if err == nil || c.closed.Load() || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if cause := c.cause(); cause != nil {
		return cause
	}
	return err
}

// Close ends the connection and waits for its child to be gone; it may be called
// more than once.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.closed.Store(true)
		c.close()
	})
	return nil
}

// LocalAddr returns an address that only names the tunnel.
func (c *Conn) LocalAddr() net.Addr { return addr("controller") }

// RemoteAddr returns an address that only names the far end.
func (c *Conn) RemoteAddr() net.Addr { return addr(c.name) }

type addr string

func (addr) Network() string  { return "tunnel" }
func (a addr) String() string { return string(a) }

// pipes is a child's standard input and output. Both are pipes in non-blocking
// mode, so the runtime's poller gives them true deadlines.
type pipes struct {
	*child
	explain func(*child) error
}

func (p pipes) Read(b []byte) (int, error)         { return p.stdout.Read(b) }
func (p pipes) Write(b []byte) (int, error)        { return p.stdin.Write(b) }
func (p pipes) SetReadDeadline(t time.Time) error  { return p.stdout.SetReadDeadline(t) }
func (p pipes) SetWriteDeadline(t time.Time) error { return p.stdin.SetWriteDeadline(t) }
func (p pipes) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}
func (p pipes) close() { p.end(closeGrace) }

// cause waits a moment: a child's output ends before the child has.
func (p pipes) cause() error {
	p.exited(deathGrace)
	return p.explain(p.child)
}

// socket is a connection to an agent on this machine.
type socket struct{ net.Conn }

func (s socket) cause() error { return nil }
func (s socket) close()       { _ = s.Close() }
