package agent_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/store"
)

// diffIDs are the unpacked layers of an image.
func diffIDs(t *testing.T, img v1.Image) (all []artifact.Digest) {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range config.RootFS.DiffIDs {
		d, err := artifact.ParseDigest(id.String())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// copies is the store of an agent that runs as a program.
func (p *process) copies() *store.Store {
	return store.New(filepath.Join(filepath.Dir(p.config), "deltas"), store.DefaultQuota)
}

func TestLayersThatArePublishedAreCopied(t *testing.T) {
	t.Parallel()
	url, img := newRegistry(t, 1<<20, 3)
	p := startProgram(t, url)
	s := p.copies()
	for _, d := range diffIDs(t, img) {
		waitFor(t, func() bool { return s.Has(d) })
		if size, ok := s.Size(d); !ok || size < 1<<20 {
			t.Errorf("a copy of size %d, %t", size, ok)
		}
	}
	// An agent that is killed and started goes on with what is there.
	p.kill()
	p.start()
	ids := diffIDs(t, img)
	err := s.Encode(t.Context(), ids[0], ids[1:], 0, func(delta.Batch) error { return nil })
	if err != nil {
		t.Error(err)
	}
}

func TestNoRepositoriesNoCopies(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 100)
	server := httptest.NewServer(shown(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path })))
	t.Cleanup(server.Close)
	startProgram(t, server.URL, "repositories: []\n")
	stop := runs(t, agent.Config{Registry: server.URL})
	stop()
	if len(asked) > 0 {
		t.Errorf("the registry is asked for %s", <-asked)
	}
}

// runs runs an agent in this process until stop is called, which waits.
func runs(t *testing.T, c agent.Config) (stop func()) {
	t.Helper()
	a, socket := newAgent(t, c)
	return runAgent(t, a, socket)
}

func TestTheAgentStopsWhileALayerIsCopied(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{}, 1)
	layer := artifact.DigestOf(nil)
	server := httptest.NewServer(oneImage(layer, 1<<30, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, 1<<20))
		select {
		case begun <- struct{}{}:
		default:
		}
		<-r.Context().Done() // the rest never comes
	}))
	t.Cleanup(server.Close)
	stop := runs(t, agent.Config{Registry: server.URL, Repositories: []string{"unidesk/"}, DeltaQuota: 4 << 30})
	<-begun
	ended := make(chan struct{})
	go func() { stop(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(2 * time.Minute):
		t.Error("it waits for the registry")
	}
}

// oneImage is a registry of a single image, whose only layer is stored uncompressed.
func oneImage(layer artifact.Digest, size int64, blob http.HandlerFunc) http.Handler {
	config := fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","config":{},"rootfs":{"type":"layers","diff_ids":[%q]}}`, layer)
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},`+
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`,
		artifact.DigestOf(config), len(config), layer, size)
	return shown(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v2/_catalog":
			_, _ = fmt.Fprintf(w, `{"repositories":[%q]}`, repository)
		case strings.HasSuffix(r.URL.Path, "/tags/list"):
			_, _ = fmt.Fprintf(w, `{"tags":[%q]}`, commitID)
		case strings.Contains(r.URL.Path, "/manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			_, _ = w.Write(manifest)
		case strings.HasSuffix(r.URL.Path, artifact.DigestOf(config).String()):
			_, _ = w.Write(config)
		default:
			w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
			blob(w, r)
		}
	}))
}

// bulk writes a tar of many small files and large files.
func bulk(w io.Writer, small int, large int64) error {
	tw := tar.NewWriter(w)
	file := func(name string, size int64, content io.Reader) error {
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size}); err != nil {
			return err
		}
		_, err := io.Copy(tw, content)
		return err
	}
	for i := range small {
		if err := file(fmt.Sprintf("usr/lib/node_modules/%d/package.json", i), 3000, io.LimitReader(&repeat{at: 64 * i % (1 << 20)}, 3000)); err != nil {
			return err
		}
	}
	// 16 KiB of each MiB are its own: neither random nor nothing.
	block := make([]byte, 1<<20)
	copy(block, mediumPattern[:16<<10])
	for i := range large >> 20 {
		copy(block, strconv.FormatInt(i, 10))
		if err := file(fmt.Sprintf("large/%d", i>>9), 1<<20, bytes.NewReader(block)); err != nil {
			return err
		}
	}
	return tw.Close()
}

func TestPeakMemoryOfACopyDoesNotDependOnTheLayer(t *testing.T) {
	if testing.Short() {
		t.Skip("copies layers of more than 1 GB")
	}
	for name, c := range map[string]struct {
		small  int
		large  int64
		copied bool
	}{
		"large":                         {20_000, 512 << 20, true},
		"as many files as are copied":   {95_000, 0, true},
		"more files than can be copied": {150_000, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := sha256.New()
			count := &counter{w: h}
			if err := bulk(count, c.small, c.large); err != nil {
				t.Fatal(err)
			}
			layer := digestOf(h)
			server := httptest.NewServer(oneImage(layer, count.n, func(w http.ResponseWriter, _ *http.Request) { _ = bulk(w, c.small, c.large) }))
			t.Cleanup(server.Close)
			began := time.Now()
			p := startProgram(t, server.URL)
			s := p.copies()
			waitFor(t, func() bool { return s.Has(layer) || s.Refused(layer) })
			peak := peakRSS(t, p.cmd.Process.Pid)
			t.Logf("%d MiB in %v, agent's peak %.1f MiB", count.n>>20, time.Since(began).Round(time.Second/10), float64(peak)/(1<<20))
			if s.Has(layer) != c.copied {
				t.Errorf("there is a copy: %t", s.Has(layer))
			}
			if peak > 64<<20 {
				t.Errorf("peak of %d bytes", peak)
			}
		})
	}
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
