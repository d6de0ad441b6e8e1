//go:build integration

package agent_test

import (
	"context"
	"crypto/sha256"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// farAgent is an agent behind a real sshd.
type farAgent struct {
	*process
	sshd *lab.SSHD
	// conn is the connection made last.
	conn atomic.Pointer[tunnel.Conn]
}

func startFar(t *testing.T, size int64) *farAgent {
	t.Helper()
	sshd, err := lab.StartSSHD(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sshd.Close(); err != nil {
			t.Log(err)
		}
	})
	return &farAgent{process: startProgram(t, bigRegistry(t, size)), sshd: sshd}
}

func (f *farAgent) tunnel() tunnel.Config {
	return tunnel.Config{SSH: &tunnel.SSH{
		Destination: lab.HostAlias, ConfigFile: f.sshd.ClientConfig, Command: []string{program, "stdio", "--socket", f.socket},
	}}
}

func (f *farAgent) client(t *testing.T, c tunnel.Config, opts rpc.Options) *rpc.Client {
	t.Helper()
	client, err := rpc.Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		conn, err := tunnel.Dial(ctx, c)
		f.conn.Store(conn)
		return conn, err
	}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestAnImageCrossesSSHWithLittleMoreThanItsBytes(t *testing.T) {
	const size = 256 << 20
	f := startFar(t, size)
	client := f.client(t, f.tunnel(), rpc.Options{})
	img := resolve(t, client)
	h := sha256.New()
	began := time.Now()
	if err := client.Stream(t.Context(), img.Repository, wholeLayers(img), nil, func(c layers.Piece) error {
		h.Write(c.Data)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	if got := digestOf(h); got != img.Layers[0].Digest {
		t.Errorf("layer arrived as %s", got)
	}
	sent, received := f.conn.Load().Counts()
	t.Logf("%.0f MiB/s; %d bytes sent, %d received: %d more than the layer (%.3f %%)",
		float64(size>>20)/took.Seconds(), sent, received, received-size, 100*float64(sent+received-size)/size)
	// The project's promise is 1.005 times the layers plus 128 KB, both ways together.
	if sent+received > size*1005/1000+128_000 {
		t.Error("too many bytes")
	}
}

func TestAKeyThatMayOnlyRunTheAgentReachesIt(t *testing.T) {
	f := startFar(t, 1<<20)
	config, err := f.sshd.AddKey(t.Context(), "readonly", program+" stdio --socket "+f.socket)
	if err != nil {
		t.Fatal(err)
	}
	c := f.tunnel()
	c.SSH.ConfigFile, c.SSH.Command = config, []string{"rm", "-rf", "/no/such/path"} // is ignored
	if _, err := f.client(t, c, rpc.Options{}).Describe(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnImageSurvivesCutsAndStalls(t *testing.T) {
	const size = 48 << 20
	f := startFar(t, size)
	client := f.client(t, f.tunnel(), rpc.Options{Stall: 2 * time.Second})
	img := resolve(t, client)
	h := sha256.New()
	var at int64
	resume := func() {}
	var failures []fault.Reason
	trouble := []func(){
		func() { f.sshd.Link.CutAfter(1 << 20) },
		func() { resume = f.sshd.Link.Stall() },
		f.kill,
		func() { f.sshd.CutSessions() },
	}
	for at < size {
		made := false
		err := client.Stream(t.Context(), img.Repository, []layers.Range{{Layer: img.Layers[0], Offset: at}}, nil, func(c layers.Piece) error {
			if c.Offset != at {
				t.Fatalf("chunk at %d, want %d", c.Offset, at)
			}
			h.Write(c.Data)
			at += int64(len(c.Data))
			if !made && len(failures) < len(trouble) {
				made = true
				trouble[len(failures)]()
			}
			return nil
		})
		if err == nil {
			break
		}
		t.Logf("at %d: %v", at, err)
		if !fault.Retryable(err) {
			t.Fatalf("not to be tried again: %v", err)
		}
		if made {
			failures = append(failures, fault.ReasonOf(err))
			resume()
			resume = func() {}
			if len(failures) == 3 {
				f.start()
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	if got := digestOf(h); got != img.Layers[0].Digest || at != size {
		t.Errorf("%d bytes hash to %s", at, got)
	}
	want := []fault.Reason{fault.HostUnreachable, fault.Stalled, fault.HostUnreachable, fault.HostUnreachable}
	if len(failures) != len(want) {
		t.Fatalf("failures %v", failures)
	}
	for i := range want {
		if failures[i] != want[i] {
			t.Errorf("failure %d is %s, want %s", i, failures[i], want[i])
		}
	}
}
