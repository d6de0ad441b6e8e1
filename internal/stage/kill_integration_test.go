//go:build integration

package stage_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// killProduct is the same in the test and in the process that it kills.
func killProduct(tb testing.TB) product {
	return newProduct(tb, gzipLayer(tb, files(1, 20<<20)), gzipLayer(tb, files(2, 24<<20)), gzipLayer(tb, files(3, 2<<20)))
}

// TestKillChild is no test: TestAKillCostsAChunkAtMost runs it in a process of its own,
// which ends itself the hard way at the given event.
func TestKillChild(t *testing.T) {
	at := os.Getenv("UNIDESK_TEST_KILL_AT")
	if at == "" {
		t.Skip("runs only as a child of TestAKillCostsAChunkAtMost")
	}
	p, dir := killProduct(t), os.Getenv("UNIDESK_TEST_SPOOL")
	sent, err := os.OpenFile(dir+".sent", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	src := p.source()
	src.delay = time.Millisecond // lets loads overlap with the stream
	src.bend = func(c layers.Piece, send func(layers.Piece) error) error {
		_, _ = sent.Write(bytes.Repeat([]byte{'.'}, len(c.Data)))
		return send(c)
	}
	spool, err := layers.OpenSpool(dir, 0, layers.OpenCache(dir+".cache", 0))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[workload.Point]int{}
	_, err = stage.New(newEngine(t, os.Getenv("UNIDESK_TEST_ENGINE")), spool, src).Stage(t.Context(), p.Image, p.tag(), func(e workload.Event) {
		if seen[e.Point]++; fmt.Sprintf("%s %d", e.Point, seen[e.Point]) == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		} else if fmt.Sprintf("%s %d; soon after", e.Point, seen[e.Point]) == at {
			time.AfterFunc(50*time.Millisecond, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		}
	})
	t.Fatalf("was to die at %q and did not: %v, %v", at, seen, err)
}

func TestAKillCostsAChunkAtMost(t *testing.T) {
	host, p := realEngine(t), killProduct(t)
	c := newEngine(t, host)
	for _, kills := range []string{
		"transfer 1", "transfer 2", "layer 1", "load 1", "layer 2", "layer 3", "layer 3; soon after", "load 2", "staged 1",
		"transfer 1, transfer 1, layer 1; soon after, transfer 2",
	} {
		dir := t.TempDir() + "/spool"
		for at := range strings.SplitSeq(kills, ", ") {
			cmd := exec.Command(os.Args[0], "-test.run=^TestKillChild$", "-test.v")
			cmd.Env = append(os.Environ(), "UNIDESK_TEST_KILL_AT="+at, "UNIDESK_TEST_SPOOL="+dir, "UNIDESK_TEST_ENGINE="+host)
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("killed at %s: %v\n%s", kills, err, out)
			}
		}
		spool, err := layers.OpenSpool(dir, 0, layers.OpenCache(dir+".cache", 0))
		if err != nil {
			t.Fatal(err)
		}
		staged, err := stage.New(c, spool, p.source()).Stage(t.Context(), p.Image, p.tag(), (&record{}).emit)
		if err != nil {
			t.Fatalf("after a kill at %s: %v", kills, err)
		}
		info, err := os.Stat(dir + ".sent")
		if err != nil {
			t.Fatal(err)
		}
		twice := info.Size() + staged.BytesReceived - p.Bytes
		t.Logf("killed at %s: %d bytes crossed before, %d after, %d twice", kills, info.Size(), staged.BytesReceived, twice)
		if n := int64(strings.Count(kills, ",")+1) * 64 << 10; twice < 0 || twice > n {
			t.Errorf("%d bytes crossed twice", twice)
		}
		all, err := c.AllImages(t.Context())
		if err != nil || len(all) != 1 || all[0].Config != p.Config {
			t.Errorf("images %+v, %v", all, err)
		}
		if err := c.Untag(t.Context(), p.tag()); err != nil {
			t.Fatal(err)
		}
	}
}
