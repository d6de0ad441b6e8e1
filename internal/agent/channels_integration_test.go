//go:build integration

package agent_test

import (
	"context"
	"crypto/sha256"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// far is a connection over a long line: ssh's window passes in a round trip.
type far struct {
	net.Conn
	free    time.Time
	carried atomic.Int64 // bytes read
}

const roundTrip = 100 * time.Millisecond

func (f *far) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p[:min(len(p), 64<<10)])
	f.carried.Add(int64(n))
	if now := time.Now(); f.free.Before(now) {
		f.free = now
	}
	f.free = f.free.Add(roundTrip * time.Duration(n) / (2 << 20))
	time.Sleep(time.Until(f.free))
	return n, err
}

func (f *far) Write(p []byte) (int, error) {
	time.Sleep(roundTrip)
	return f.Conn.Write(p)
}

// channelled counts the connections of a client over a trunk.
type channelled struct {
	*rpc.Client
	mu       sync.Mutex
	branches []*far
}

func (c *channelled) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.branches)
}

// striped reports whether a part of a stream came over a connection beside the first.
func (c *channelled) striped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.branches, func(f *far) bool { return f.carried.Load() > 1<<20 })
}

// overTrunk is a client whose channels are sessions on an ssh connection of a long line.
func (f *farAgent) overTrunk(t *testing.T) *channelled {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ua") //nolint:usetesting // a socket has a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	trunk, c := tunnel.NewTrunk(f.tunnel()), &channelled{}
	c.Client, err = rpc.Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		conn, err := trunk.Dial(ctx)
		if err != nil {
			return nil, err
		}
		return &far{Conn: conn}, nil
	}, rpc.Options{Branch: func(ctx context.Context) (net.Conn, error) {
		conn, err := trunk.Branch(ctx)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		branch := &far{Conn: conn}
		c.branches = append(c.branches, branch)
		return branch, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
	return c
}

// carry streams the image's layer until it is whole, and returns how it was interrupted.
func (c *channelled) carry(t *testing.T, img artifact.Image, each func(at int64)) (failures []error) {
	t.Helper()
	h, at := sha256.New(), int64(0)
	for at < img.Layers[0].Size && len(failures) < 10 {
		err := c.Stream(t.Context(), img.Repository, []layers.Range{{Layer: img.Layers[0], Offset: at}}, nil, func(p layers.Piece) error {
			h.Write(p.Data)
			at += int64(len(p.Data))
			each(at)
			return nil
		})
		if err != nil {
			failures = append(failures, err)
			t.Logf("at %d: %v", at, err)
		}
	}
	if got := digestOf(h); got != img.Layers[0].Digest {
		t.Errorf("%d bytes arrived as %s", at, got)
	}
	return failures
}

func TestAStreamOverManyChannelsIsWholeInBoundedMemory(t *testing.T) {
	const size = 512 << 20
	f := startFar(t, size)
	c := f.overTrunk(t)
	img := resolve(t, c.Client)
	began := time.Now()
	if failures := c.carry(t, img, func(int64) {}); len(failures) > 0 {
		t.Error(failures)
	}
	peak := peakRSS(t, f.cmd.Process.Pid)
	t.Logf("%d channels: %.0f Mbit/s, the agent's peak %.1f MiB", c.count()+1, 8*float64(size)/1e6/time.Since(began).Seconds(), float64(peak)/(1<<20))
	if c.count() < 3 {
		t.Errorf("%d channels", c.count()+1)
	}
	if peak > 64<<20 {
		t.Errorf("peak of %d bytes", peak)
	}
}

func TestALostChannelCostsNoMoreThanTheStream(t *testing.T) {
	f := startFar(t, 160<<20)
	c := f.overTrunk(t)
	img := resolve(t, c.Client)
	killed := false
	failures := c.carry(t, img, func(at int64) {
		if killed || at < 64<<20 || !c.striped() { // a channel that carries nothing yet is no loss
			return
		}
		killed = true
		for _, pid := range riders(t) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	})
	if !killed || len(failures) != 1 || fault.ReasonOf(failures[0]) != fault.HostUnreachable || !fault.Retryable(failures[0]) {
		t.Errorf("killed %t: %v", killed, failures)
	}
}

func TestAHostWithASingleSessionHasASingleChannel(t *testing.T) {
	f := startFar(t, 64<<20)
	if err := f.sshd.Stop(); err != nil {
		t.Log(err)
	}
	config := filepath.Join(filepath.Dir(f.sshd.ClientConfig), "sshd_config")
	b, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(b, "MaxSessions 1\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.sshd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := f.overTrunk(t)
	img := resolve(t, c.Client)
	if failures := c.carry(t, img, func(int64) {}); len(failures) > 0 || c.count() > 0 {
		t.Errorf("%d branches, %v", c.count(), failures)
	}
}

// riders are the ssh processes of this test that ride on another's connection.
func riders(t *testing.T) (pids []int) {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=,args=", "--ppid", strconv.Itoa(os.Getpid())).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		pid, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.Contains(args, "ProxyCommand=false") {
			n, err := strconv.Atoi(pid)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, n)
		}
	}
	return pids
}
