package agent_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// mediumPattern repeats to make a layer of any size without holding it.
var mediumPattern = func() []byte {
	b := make([]byte, 1<<20)
	sum := sha256.Sum256([]byte("pattern"))
	for i := 0; i < len(b); i += len(sum) {
		copy(b[i:], sum[:])
		sum = sha256.Sum256(sum[:])
	}
	return b
}()

// endless repeats the pattern up to size.
func endless(size int64) io.Reader { return io.LimitReader(&repeat{}, size) }

type repeat struct{ at int }

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, mediumPattern[r.at:])
	r.at = (r.at + n) % len(mediumPattern)
	return n, nil
}

// bigRegistry serves one image whose only layer has the given size.
func bigRegistry(t testing.TB, size int64) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, endless(size)); err != nil {
		t.Fatal(err)
	}
	layer := digestOf(h)
	config := fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","config":{},"rootfs":{"type":"layers","diff_ids":[%q]}}`, layer)
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},`+
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`,
		artifact.DigestOf(config), len(config), layer, size)
	server := httptest.NewServer(shown(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			_, _ = w.Write(manifest)
		case strings.HasSuffix(r.URL.Path, artifact.DigestOf(config).String()):
			_, _ = w.Write(config)
		default:
			w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
			_, _ = io.CopyBuffer(struct{ io.Writer }{w}, endless(size), make([]byte, 256<<10))
		}
	})))
	t.Cleanup(server.Close)
	return server.URL
}

func digestOf(h hash.Hash) artifact.Digest {
	return artifact.DigestSum([sha256.Size]byte(h.Sum(nil)))
}

// process is the agent as a process of its own.
type process struct {
	t      testing.TB
	socket string
	config string
	cmd    *exec.Cmd
	stderr journal
}

// journal is what a program has printed so far; it may be read while the program prints.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Reset()
}

// startProgram starts the agent, with more lines in its agent.yaml; it is stopped when the
// test ends.
func startProgram(t testing.TB, url string, more ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{t: t, socket: filepath.Join(dir, "run", "agent.sock"), config: filepath.Join(dir, "agent.yaml")}
	text := fmt.Sprintf("version: 1\nsocket: %s\nregistry: %s\nstate: %s\n", p.socket, url, dir)
	if os.Getuid() != 0 {
		text += fmt.Sprintf("roles: {admin: [%d]}\n", os.Getuid())
	}
	text += strings.Join(more, "")
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(os.Interrupt)
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("agent ended: %v\n%s", err, p.stderr.String())
		}
	})
	return p
}

func (p *process) start() {
	p.t.Helper()
	p.stderr.Reset()
	p.cmd = exec.Command(program, "serve", "--config", p.config)
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	waitFor(p.t, func() bool {
		conn, err := net.Dial("unix", p.socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// kill kills it as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited two minutes in vain")
		}
	}
}

// peakRSS is VmHWM of proc(5), in bytes.
func peakRSS(t testing.TB, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

func TestPeakMemoryDoesNotDependOnTheLayer(t *testing.T) {
	if testing.Short() {
		t.Skip("streams 2 GB")
	}
	peak := map[int64]int64{}
	for _, size := range []int64{100 << 20, 2 << 30} {
		agent := startProgram(t, bigRegistry(t, size))
		client := dial(t, stdioCommand(agent.socket))
		img := resolve(t, client)
		began := time.Now()
		h := sha256.New()
		err := client.Stream(t.Context(), img.Repository, wholeLayers(img), nil, func(c layers.Piece) error {
			h.Write(c.Data)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := digestOf(h); got != img.Layers[0].Digest {
			t.Errorf("layer arrived as %s", got)
		}
		peak[size] = peakRSS(t, agent.cmd.Process.Pid)
		t.Logf("%d MiB: %.0f MiB/s, agent's peak %.1f MiB", size>>20, float64(size>>20)/time.Since(began).Seconds(), float64(peak[size])/(1<<20))
		if peak[size] > 64<<20 {
			t.Errorf("peak of %d bytes for a layer of %d", peak[size], size)
		}
	}
	if small, large := peak[100<<20], peak[2<<30]; float64(large) > 1.1*float64(small) {
		t.Errorf("peak grew from %d to %d bytes", small, large)
	}
}

// bulkyRegistry serves one image whose manifest and config are near the limits.
func bulkyRegistry(t testing.TB) string {
	t.Helper()
	padding := strings.Repeat("x", artifact.MaxConfig-1<<20)
	layer := artifact.DigestOf(nil)
	config := fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","config":{"Labels":{"a":%q}},"rootfs":{"diff_ids":[%q]}}`, padding, layer)
	manifest := fmt.Appendf(nil, `{"annotations":{"a":%q},"config":{"digest":%q,"size":%d},"layers":[{"digest":%q,"size":1}]}`,
		padding[:artifact.MaxManifest-1<<17], artifact.DigestOf(config), len(config), layer)
	server := httptest.NewServer(shown(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := config
		if strings.Contains(r.URL.Path, "/manifests/") {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			body = manifest
		}
		_, _ = w.Write(body)
	})))
	t.Cleanup(server.Close)
	return server.URL
}

func TestPeakMemoryIsBoundedForTheBulkiestImage(t *testing.T) {
	if testing.Short() {
		t.Skip("resolves images of 11 MiB")
	}
	p := startProgram(t, bulkyRegistry(t))
	client := dial(t, stdioCommand(p.socket))
	for range 5 {
		resolve(t, client)
	}
	peak := peakRSS(t, p.cmd.Process.Pid)
	t.Logf("%.1f MiB", float64(peak)/(1<<20))
	if peak > 64<<20 {
		t.Errorf("peak of %d bytes", peak)
	}
}
