//go:build integration

package stage_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
)

// link is 100 Mbit/s for all who share it.
type link struct {
	mu   sync.Mutex
	free time.Time
}

const linkRate = 100e6 / 8

func (l *link) pass(n int) {
	l.mu.Lock()
	l.free = later(l.free, time.Now().Add(-5*time.Millisecond)).Add(time.Duration(float64(n) / linkRate * 1e9))
	until := l.free
	l.mu.Unlock()
	time.Sleep(time.Until(until))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// slowListener is a registry's at the far end of the link.
type slowListener struct {
	net.Listener
	link *link
}

func (s slowListener) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	return slowConn{c, s.link}, err
}

type slowConn struct {
	net.Conn
	link *link
}

func (s slowConn) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		var m int
		m, err = s.Conn.Write(p[:min(len(p), 32<<10)])
		s.link.pass(m)
		n, p = n+m, p[m:]
	}
	return n, err
}

// modules is a layer like node_modules: many small files, a third of it random.
func modules(seed uint64, mb int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	var words [2000]string
	for i := range words {
		words[i] = strconv.FormatUint(r.Uint64(), 36)[:3+r.IntN(8)] + " "
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; buf.Len() < mb<<20; i++ {
		b := make([]byte, 0, 100<<10)
		for want := 2000 + r.IntN(90000); len(b) < want; {
			if i%8 == 0 {
				b = append(b, byte(r.Uint32()))
			} else {
				b = append(b, words[r.IntN(len(words))>>r.IntN(11)]...)
			}
		}
		_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("m%d/d%d/f%d.js", seed, i/100, i), Size: int64(len(b)), Mode: 0o644})
		_, _ = w.Write(b)
	}
	_ = w.Close()
	return buf.Bytes()
}

// TestStagingTakesNoLongerThanAPull times both over the same emulated link. It
// asserts little, because machines differ, and prints what it saw.
func TestStagingTakesNoLongerThanAPull(t *testing.T) {
	// Of the largest layer; 250 makes the image of the project's promise.
	mb, err := strconv.Atoi(os.Getenv("UNIDESK_TEST_MB"))
	if err != nil {
		t.Skip("a measurement of minutes: set UNIDESK_TEST_MB, for example to 250")
	}
	base := []v1.Layer{gzipLayer(t, modules(1, mb)), gzipLayer(t, modules(2, mb))}
	first := newProduct(t, base[0], base[1], gzipLayer(t, modules(3, mb/3)))
	edit := newProduct(t, base[0], base[1], gzipLayer(t, modules(4, mb/3)))
	t.Logf("first %d bytes, edit %d bytes", first.Bytes, edit.Layers[2].Size)

	host := realEngine(t)
	c := newEngine(t, host)
	forget := func() {
		all, err := c.AllImages(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			_ = exec.Command("docker", "-H", host, "rmi", "-f", i.ID).Run()
		}
	}
	for round := range 2 {
		forget()
		var ours, theirs [2]time.Duration
		for i, p := range []product{first, edit} {
			src := p.source()
			src.chunk = 256 << 10
			line := &link{}
			src.bend = func(ch layers.Piece, send func(layers.Piece) error) error { line.pass(len(ch.Data)); return send(ch) }
			var r record
			began := time.Now()
			staged, err := stage.New(c, newSpool(t, 0), src).Stage(t.Context(), p.Image, p.tag(), r.emit)
			if err != nil {
				t.Fatal(err)
			}
			ours[i] = time.Since(began)
			t.Logf("round %d, image %d: stage %v %s, %+v", round, i, ours[i].Round(10*time.Millisecond), r.points(), staged)
		}
		forget()
		registry := slowRegistry(t, first, edit)
		for i, p := range []product{first, edit} {
			began := time.Now()
			ref := registry + "/" + p.Repository.String() + "@" + p.Manifest.String()
			if out, err := exec.Command("docker", "-H", host, "pull", ref).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			theirs[i] = time.Since(began)
			t.Logf("round %d, image %d: pull %v, ratio %.2f", round, i, theirs[i].Round(10*time.Millisecond), float64(ours[i])/float64(theirs[i]))
		}
	}
	forget()
}

func slowRegistry(t *testing.T, products ...product) string {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0))) //nolint:forbidigo // the registry knows no other
	fast := httptest.NewServer(handler)
	defer fast.Close()
	for _, p := range products {
		ref, err := name.NewDigest(strings.TrimPrefix(fast.URL, "http://") + "/" + p.Repository.String() + "@" + p.Manifest.String())
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, p.registered); err != nil {
			t.Fatal(err)
		}
	}
	slow := httptest.NewUnstartedServer(handler)
	slow.Listener = slowListener{slow.Listener, &link{}}
	slow.Start()
	t.Cleanup(slow.Close)
	return strings.TrimPrefix(slow.URL, "http://")
}
