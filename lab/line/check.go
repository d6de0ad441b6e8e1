package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"
)

// Tune gives a namespace what a long and fast link needs of its kernel: windows of up to 64 MiB, and no slow start after a pause.
func Tune(namespace string) error {
	return Within(namespace, func() error {
		var errs []error
		for name, value := range map[string]string{
			"tcp_rmem":                  "4096 131072 67108864",
			"tcp_wmem":                  "4096 131072 67108864",
			"tcp_slow_start_after_idle": "0",
			"tcp_no_metrics_save":       "1", // a run must not learn from the last
		} {
			errs = append(errs, os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0o644))
		}
		return errors.Join(errs...)
	})
}

// Figures are what a line was measured to be.
type Figures struct {
	// RTT is the shortest round trip of a byte over TCP.
	RTT time.Duration
	// Goodput is what a plain TCP connection from A to B carries once it is up to speed, in bytes a second.
	Goodput float64
}

// Fits returns nil if the link is what it should be: the round trip within 5 %, plain TCP at 75 % of the rate or more.
func (f Figures) Fits(link Link) error {
	if most := link.RTT + link.RTT/20; f.RTT < link.RTT || f.RTT > most {
		return fmt.Errorf("the line's round trip is %s, want %s to %s", f.RTT, link.RTT, most)
	}
	// A receiver that waited for the processor finds more in its first read.
	if least := 0.75 * link.bytesPerSecond(); f.Goodput < least || f.Goodput > 1.05*link.bytesPerSecond() {
		return fmt.Errorf("plain TCP carries %.1f Mbit/s, want %.1f to %d", f.Goodput*8/1e6, least*8/1e6, link.Mbit)
	}
	return nil
}

// Measure asks the line what it is, with a plain TCP connection of its own. It takes some seconds.
func (l *Line) Measure(ctx context.Context) (f Figures, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("measure the line: %w", err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	from, to, err := l.connect(ctx)
	if err != nil {
		return f, err
	}
	defer from.Close()
	defer to.Close()
	stop := context.AfterFunc(ctx, func() { from.Close(); to.Close() })
	defer stop()
	if f.RTT, err = roundTrip(from, to); err != nil {
		return f, err
	}
	f.Goodput, err = goodput(from, to, 20*l.Link.RTT+time.Second)
	return f, err
}

// connect returns both ends of a connection from A to B.
func (l *Line) connect(ctx context.Context) (from, to net.Conn, err error) {
	var listener net.Listener
	err = Within(l.b.end.Namespace, func() (err error) {
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp4", netip.AddrPortFrom(l.b.end.Addr, 0).String())
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = listener.Close() }()
	type acceptance struct {
		conn net.Conn
		err  error
	}
	accepted := make(chan acceptance, 1)
	go func() {
		conn, err := listener.Accept()
		accepted <- acceptance{conn, err}
	}()
	err = Within(l.a.end.Namespace, func() (err error) {
		from, err = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: l.a.end.Addr.AsSlice()}}).DialContext(ctx, "tcp4", listener.Addr().String())
		return err
	})
	if err != nil {
		_ = listener.Close()
		if a := <-accepted; a.err == nil {
			a.conn.Close()
		}
		return nil, nil, err
	}
	a := <-accepted
	if a.err != nil {
		from.Close()
		return nil, nil, a.err
	}
	return from, a.conn, nil
}

// roundTrip sends a byte there and back a few times.
func roundTrip(from, to net.Conn) (shortest time.Duration, err error) {
	const times = 7
	echoed := make(chan error, 1)
	go func() {
		_, err := io.CopyN(to, to, times)
		echoed <- err
	}()
	b := make([]byte, 1)
	for range times {
		began := time.Now()
		if _, err := from.Write(b); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(from, b); err != nil {
			return 0, err
		}
		if took := time.Since(began); shortest == 0 || took < shortest {
			shortest = took
		}
	}
	return shortest, <-echoed
}

// goodput sends for a while, and counts what arrives in the four seconds after it.
func goodput(from, to net.Conn, while time.Duration) (bytesPerSecond float64, err error) {
	const window = 4 * time.Second
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		b := make([]byte, 256<<10)
		for {
			if _, err := from.Write(b); err != nil {
				return
			}
		}
	}()
	defer func() { from.Close(); <-sent }()
	b := make([]byte, 256<<10)
	began := time.Now()
	var counted int64
	var first time.Time
	for {
		n, err := to.Read(b)
		if err != nil {
			return 0, err
		}
		now := time.Now()
		switch {
		case now.Sub(began) < while:
		case first.IsZero():
			first = now
		default:
			counted += int64(n)
		}
		if !first.IsZero() && now.Sub(first) >= window {
			return float64(counted) / now.Sub(first).Seconds(), nil
		}
	}
}
