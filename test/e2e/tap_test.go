//go:build e2e

package e2e

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// tapAddr is the address of D601's registry behind the counter of its bytes.
const tapAddr = "127.0.0.1:5999"

// registryTap counts what the registry answers and is asked, inside a tunnel: the payload of a pull.
type registryTap struct {
	bytes atomic.Int64
	wg    sync.WaitGroup
}

func startTap(t *testing.T) *registryTap {
	t.Helper()
	listener, err := two.D601.Listen(t.Context(), "tcp", tapAddr)
	must(t, err)
	p := &registryTap{}
	t.Cleanup(func() { _ = listener.Close(); p.wg.Wait() })
	p.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(t, conn) })
		}
	})
	return p
}

func (p *registryTap) serve(t *testing.T, conn net.Conn) {
	defer conn.Close()
	registry, err := two.D601.Dial(t.Context(), "tcp", registryAddr)
	if err != nil {
		return
	}
	defer registry.Close()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = io.Copy(registry, counting{conn, &p.bytes})
		_ = registry.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(conn, counting{registry, &p.bytes})
	_ = conn.Close()
	<-asked
}

// counting is a reader that counts.
type counting struct {
	io.Reader
	bytes *atomic.Int64
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}
