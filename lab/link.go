package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Link is a TCP hop between two programs that counts what crosses and can be
// slow, silent or cut. It carries ssh here: what it counts is ssh's payload.
type Link struct {
	// Addr is where clients connect.
	Addr string

	target   string
	listener net.Listener
	up, down atomic.Int64 // bytes to the target and back
	rate     atomic.Int64 // bytes a second each way, 0 for no limit
	limit    atomic.Int64 // cut when down has reached it, 0 for never

	ended chan struct{}
	mu    sync.Mutex
	stall chan struct{} // closed while bytes flow
	conns map[net.Conn]struct{}
	wg    sync.WaitGroup
}

// StartLink listens on a free loopback port and forwards to target.
func StartLink(target string) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start link to %s: %w", target, err)
	}
	l := &Link{
		Addr: listener.Addr().String(), target: target, listener: listener, conns: map[net.Conn]struct{}{},
		ended: make(chan struct{}), stall: make(chan struct{}),
	}
	close(l.stall)
	l.wg.Go(l.accept)
	return l, nil
}

// Bytes returns what has crossed so far: to the far host, and back from it.
func (l *Link) Bytes() (up, down int64) { return l.up.Load(), l.down.Load() }

// SetRate limits each direction of each connection to so many bytes a second; 0 lifts the limit.
func (l *Link) SetRate(bytesPerSecond int64) { l.rate.Store(bytesPerSecond) }

// CutAfter cuts every connection once so many more bytes have come back from the
// far host. It works once.
func (l *Link) CutAfter(bytes int64) { l.limit.Store(l.down.Load() + bytes) }

// Cut closes every connection; new ones are served.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.Close()
	}
}

// Stall stops the flow without closing anything, until the returned function is called.
func (l *Link) Stall() (resume func()) {
	gate := make(chan struct{})
	l.mu.Lock()
	l.stall = gate
	l.mu.Unlock()
	return sync.OnceFunc(func() { close(gate) })
}

// Close cuts everything and ends.
func (l *Link) Close() error {
	if l == nil {
		return nil
	}
	err := l.listener.Close()
	l.mu.Lock()
	close(l.ended)
	l.mu.Unlock()
	l.Cut()
	l.wg.Wait()
	return err
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.wg.Go(func() { l.serve(client) })
	}
}

func (l *Link) serve(client net.Conn) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", l.target, 5*time.Second)
	if err != nil {
		return
	}
	defer server.Close()
	if !l.hold(client, server) {
		return
	}
	defer l.release(client, server)
	var both sync.WaitGroup
	both.Go(func() { l.pump(server, client, &l.up) })
	both.Go(func() { l.pump(client, server, &l.down) })
	both.Wait()
}

// pump copies until either side ends, then passes the end on.
func (l *Link) pump(to, from net.Conn, count *atomic.Int64) {
	defer func() {
		if half, ok := to.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	}()
	buf := make([]byte, 64<<10)
	var due time.Time // when the bytes so far have had their time
	for {
		n, err := from.Read(buf)
		if n > 0 {
			due = l.wait(due, n)
			if _, err := to.Write(buf[:n]); err != nil {
				_ = from.Close()
				return
			}
			if now, limit := count.Add(int64(n)), l.limit.Load(); count == &l.down && limit > 0 && now >= limit && l.limit.CompareAndSwap(limit, 0) {
				l.Cut()
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = to.Close()
			}
			return
		}
	}
}

// wait holds n bytes back for the stall and by the rate.
func (l *Link) wait(due time.Time, n int) time.Time {
	l.mu.Lock()
	gate := l.stall
	l.mu.Unlock()
	select {
	case <-gate:
	case <-l.ended:
	}
	rate := l.rate.Load()
	if rate <= 0 {
		return time.Time{}
	}
	if now := time.Now(); due.Before(now) {
		due = now
	}
	due = due.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	select {
	case <-time.After(time.Until(due)):
	case <-l.ended:
	}
	return due
}

func (l *Link) hold(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.ended:
		return false
	default:
	}
	for _, c := range conns {
		l.conns[c] = struct{}{}
	}
	return true
}

func (l *Link) release(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		delete(l.conns, c)
	}
}
