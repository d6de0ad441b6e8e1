// Package line is a delay line: a link between two network namespaces with a rate and a round trip of its own, which counts
// what crosses. It is a TUN device in each namespace and a queue per direction between them, since not every kernel has netem.
//
// It needs root. It touches the two namespaces that it is given and nothing else: the devices and their routes are gone
// when it is closed, or when the process dies. It is test support: the product never imports it.
package line

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Link is what a line imitates.
type Link struct {
	// Mbit is the rate of each direction, in megabits a second.
	Mbit int
	// RTT is the round trip of a small packet.
	RTT time.Duration
	// Queue is how many bytes may wait for the wire in each direction; more are dropped. 0 means as many as the link
	// carries in a round trip, and 256 KiB at least.
	Queue int
}

func (l Link) String() string { return fmt.Sprintf("%d Mbit/s, %s", l.Mbit, l.RTT) }

// MTU is 1500, and 9000 for links that are too fast for this program with small packets.
func (l Link) MTU() int {
	if l.Mbit > 200 {
		return 9000
	}
	return 1500
}

func (l Link) bytesPerSecond() float64 { return float64(l.Mbit) * 1e6 / 8 }

func (l Link) queue() *queue {
	limit := l.Queue
	if limit == 0 {
		limit = max(256<<10, int(l.bytesPerSecond()*l.RTT.Seconds()))
	}
	return &queue{delay: l.RTT / 2, rate: l.bytesPerSecond(), limit: limit}
}

// End is a network namespace and the address in it that the other end reaches through the line. If no interface there has the
// address, the line's device gets it.
type End struct {
	// Namespace is a path, for example /proc/PID/ns/net.
	Namespace string
	Addr      netip.Addr
}

// Line is an open line between A and B.
type Line struct {
	Link Link

	a, b     *device
	toA, toB *direction
	wg       sync.WaitGroup
}

// Open joins two namespaces. What each sends to the other's address goes through the line from here on, connections that are
// open included.
func Open(ctx context.Context, link Link, a, b End) (_ *Line, err error) {
	if link.Mbit <= 0 || link.RTT < 0 || a.Addr == b.Addr {
		return nil, fmt.Errorf("open a line of %s from %s to %s: a rate and two addresses are needed", link, a.Addr, b.Addr)
	}
	l := &Line{Link: link}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open a line of %s: %w", link, err), l.Close())
		}
	}()
	if l.a, err = newDevice(a); err != nil {
		return nil, err
	}
	if l.b, err = newDevice(b); err != nil {
		return nil, err
	}
	if err := errors.Join(l.a.join(ctx, link.MTU(), b.Addr), l.b.join(ctx, link.MTU(), a.Addr)); err != nil {
		return nil, err
	}
	l.toA, l.toB = newDirection(l.b, l.a, link), newDirection(l.a, l.b, link)
	for _, d := range []*direction{l.toA, l.toB} {
		l.wg.Go(d.take)
		l.wg.Go(d.deliver)
	}
	return l, nil
}

// Counters are what has crossed since the line was opened.
type Counters struct{ ToA, ToB Count }

// Sub is what crossed since an earlier reading.
func (c Counters) Sub(before Counters) Counters {
	return Counters{ToA: c.ToA.sub(before.ToA), ToB: c.ToB.sub(before.ToB)}
}

// Payload is that of both directions.
func (c Counters) Payload() int64 { return c.ToA.Payload + c.ToB.Payload }

// Bytes are those of both directions.
func (c Counters) Bytes() int64 { return c.ToA.Bytes + c.ToB.Bytes }

// Counters reads both directions.
func (l *Line) Counters() Counters {
	return Counters{ToA: l.toA.meter.read(), ToB: l.toB.meter.read()}
}

// Since returns the course of both directions from a moment on, in bytes of TCP's payload.
func (l *Line) Since(began time.Time) (toA, toB Course) {
	return l.toA.meter.since(began), l.toB.meter.since(began)
}

// Close takes the devices away, and with them the routes. What is under way is lost.
func (l *Line) Close() error {
	if l == nil {
		return nil
	}
	err := errors.Join(l.a.Close(), l.b.Close())
	for _, d := range []*direction{l.toA, l.toB} {
		if d != nil {
			d.stop()
		}
	}
	l.wg.Wait()
	return err
}
