package rpc

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

// branchWindow is the window of a further channel. It is wider than ssh's own, as a
// client's first is, and there may be seven of them.
const branchWindow = 2<<20 + 256<<10

// channels are a client's connections beside its first. They are made when a stream asks
// for them, and kept for the next.
type channels struct {
	branch func(context.Context) (net.Conn, error)
	host   string
	total  *atomic.Int64

	mu    sync.Mutex
	conns map[int]*grpc.ClientConn // by the index of the call that they carry
	// most is how many channels a stream may have, with the first.
	most   int
	closed bool
}

func newChannels(ctx context.Context, opts Options, total *atomic.Int64) *channels {
	c := &channels{host: opts.Host, total: total, conns: map[int]*grpc.ClientConn{}, most: 1}
	if opts.Branch != nil {
		c.most = maxChannels
		c.branch = func(dialing context.Context) (net.Conn, error) { return opts.Branch(trace.Carry(dialing, ctx)) }
	}
	return c
}

// limit returns how many channels a stream may have.
func (c *channels) limit() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most
}

// get returns the connection for a call. gRPC makes it with the first call.
func (c *channels) get(index int) (*grpc.ClientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn, ok := c.conns[index]; ok {
		return conn, nil
	}
	if c.closed || index >= c.most {
		return nil, net.ErrClosed
	}
	conn, err := newConn(&link{connect: c.branch, total: c.total}, branchWindow, c.host)
	if err != nil {
		return nil, err
	}
	c.conns[index] = conn
	return conn, nil
}

// narrow closes the channels from most on; no stream asks for more than most again.
func (c *channels) narrow(most int) {
	c.mu.Lock()
	c.most = max(1, min(c.most, most))
	var over []*grpc.ClientConn
	for index, conn := range c.conns {
		if index >= c.most {
			over = append(over, conn)
			delete(c.conns, index)
		}
	}
	c.mu.Unlock()
	closeAll(over)
}

// drop closes all channels. The next stream makes others.
func (c *channels) drop() {
	c.mu.Lock()
	var all []*grpc.ClientConn
	for index, conn := range c.conns {
		all = append(all, conn)
		delete(c.conns, index)
	}
	c.mu.Unlock()
	closeAll(all)
}

// close closes all channels for good.
func (c *channels) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.drop()
}

// closeAll closes side by side: each waits for its far end.
func closeAll(conns []*grpc.ClientConn) {
	var all sync.WaitGroup
	for _, conn := range conns {
		all.Go(func() { _ = conn.Close() })
	}
	all.Wait()
}

const (
	// sshWindow is what OpenSSH lets be under way in a session.
	sshWindow = 2 << 20
	// leastSample is the least time in which a rate is measured.
	leastSample = 20 * time.Millisecond
)

// pace measures a stream, to find out whether its channels' windows hold it back.
type pace struct {
	rtt   time.Duration
	since time.Time
	bytes int64 // since then
}

// took counts bytes that came, and returns how many channels the stream is worth if it has
// so many and so many bytes to go: each carries at most a window in a round trip. A rate is
// measured anew every two round trips, as it grows.
func (p *pace) took(now time.Time, bytes, left int64, have int) int {
	p.bytes += bytes
	took := now.Sub(p.since)
	if took < max(2*p.rtt, leastSample) {
		return have
	}
	rate := float64(p.bytes) / took.Seconds()
	p.since, p.bytes = now, 0
	most := float64(have) * sshWindow / p.rtt.Seconds()
	// In two round trips the windows let three of themselves through at most. What was faster
	// shows that the round trip is shorter than it was measured, on a busy host.
	if rate > 1.5*most {
		p.rtt = time.Duration(1.5 * float64(have) * sshWindow / rate * float64(time.Second))
		return have
	}
	// A stream that is over in a second has no time for more channels.
	if rate < most/2 || float64(left) < rate {
		return have
	}
	return min(4*have, maxChannels)
}
