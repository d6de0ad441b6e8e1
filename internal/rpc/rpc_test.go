package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const commitID = "0123456789abcdef0123456789abcdef01234567"

var linux = artifact.Platform{OS: "linux", Architecture: "amd64"}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func repo() artifact.Repository { return must(artifact.ParseRepository("unidesk/oa-event-flow")) }

func commit() artifact.Commit { return must(artifact.ParseCommit(commitID)) }

// fakeImages is an image in memory.
type fakeImages struct {
	image artifact.Image
	blobs map[artifact.Digest][]byte
	err   error
	// open, when set, stands between a blob and its reader.
	open func(ctx context.Context, d artifact.Digest, r io.Reader) io.Reader
}

func newImages(sizes ...int) *fakeImages {
	f := &fakeImages{blobs: map[artifact.Digest][]byte{}}
	type descriptor struct {
		Digest artifact.Digest `json:"digest"`
		Size   int             `json:"size"`
	}
	var list []descriptor
	var diffIDs []artifact.Digest
	for i, size := range sizes {
		b := make([]byte, size) // that do not get smaller
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(b)
		d := artifact.DigestOf(b)
		f.blobs[d] = b
		list, diffIDs = append(list, descriptor{d, size}), append(diffIDs, d)
	}
	config := must(json.Marshal(map[string]any{
		"os": linux.OS, "architecture": linux.Architecture, "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	}))
	manifest := must(json.Marshal(map[string]any{"config": descriptor{artifact.DigestOf(config), len(config)}, "layers": list}))
	f.image = must(artifact.ParseImage(artifact.Raw{
		Repository: repo(), Commit: commit(), Manifest: artifact.DigestOf(manifest), ManifestMediaType: "application/vnd.oci.image.manifest.v1+json",
		ManifestBytes: manifest, ConfigBytes: config, Index: artifact.DigestOf([]byte("index")),
	}))
	return f
}

func (f *fakeImages) List(_ context.Context, _ artifact.Repository, size int, token string, each func(string, artifact.Digest, error)) (string, error) {
	each("tag", f.image.Manifest, nil)
	return fmt.Sprintf("after %q by %d", token, size), f.err
}

func (f *fakeImages) Details(context.Context, artifact.Repository, artifact.Digest, artifact.Platform) (int64, time.Time, error) {
	return 7, time.Unix(7, 7).UTC(), f.err
}

func (f *fakeImages) Resolve(_ context.Context, _ artifact.Repository, _ artifact.Commit, want artifact.Platform) (artifact.Image, error) {
	if want != linux {
		return artifact.Image{}, fault.New(fault.PlatformNotFound, "no image for %s", want)
	}
	return f.image, f.err
}

func (f *fakeImages) Blob(ctx context.Context, _ artifact.Repository, d artifact.Digest, _ int64) (io.ReadCloser, error) {
	if f.err != nil {
		return nil, f.err
	}
	r := io.Reader(bytes.NewReader(f.blobs[d]))
	if f.open != nil {
		r = f.open(ctx, d, r)
	}
	return io.NopCloser(r), nil
}

type fakeHost struct{ d Description }

func (h fakeHost) Describe(context.Context) (Description, error) { return h.d, nil }

// agent is a real server, on a unix socket or in memory.
type agent struct {
	path string
	link func(context.Context) (net.Conn, error)
	// cut breaks every connection made so far.
	cut func()
}

func serve(t testing.TB, register func(*grpc.Server)) agent {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return agent{path, func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}, serveOn(t, l, register)}
}

// serveInMemory is serve for a test in a bubble of synctest.
func serveInMemory(t *testing.T, register func(*grpc.Server)) agent {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	return agent{link: l.DialContext, cut: serveOn(t, l, register)}
}

func serveOn(t testing.TB, l net.Listener, register func(*grpc.Server)) (cut func()) {
	t.Helper()
	s := grpc.NewServer(ServerOptions()...)
	register(s)
	var mu sync.Mutex
	var conns []net.Conn
	done := make(chan error, 1)
	go func() {
		done <- s.Serve(acceptor{l, func(c net.Conn) {
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, c)
		}})
	}()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

type acceptor struct {
	net.Listener
	note func(net.Conn)
}

func (a acceptor) Accept() (net.Conn, error) {
	c, err := a.Listener.Accept()
	if err == nil {
		a.note(c)
	}
	return c, err
}

func serveImages(t *testing.T, images Images) agent {
	t.Helper()
	return serve(t, registerImages(images))
}

func registerImages(images Images) func(*grpc.Server) {
	return func(s *grpc.Server) { Register(s, fakeHost{Description{AgentVersion: "0.9"}}, images, nil) }
}

func (a agent) connect(ctx context.Context) (net.Conn, error) {
	c, err := a.link(ctx)
	if err != nil {
		return nil, fault.Transient(fault.HostUnreachable, "%w", err)
	}
	return c, nil
}

func (a agent) dial(t testing.TB, opts Options) *Client {
	t.Helper()
	opts.Version = "1.1"
	c, err := Dial(t.Context(), a.connect, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func wantReason(t *testing.T, err error, want fault.Reason, retry bool) {
	t.Helper()
	if err == nil || fault.ReasonOf(err) != want || fault.Retryable(err) != retry {
		t.Errorf("got %v (%s, retry %t), want %s, retry %t", err, fault.ReasonOf(err), fault.Retryable(err), want, retry)
	}
}

func TestADescriptionCrossesWhole(t *testing.T) {
	t.Parallel()
	want := Description{
		Hostname: "D601", AgentVersion: "1", Capabilities: []Capability{CapabilityImageStream, CapabilityWorkloadCompose, CapabilityWorkloadKubernetes, CapabilityRegistry, CapabilityImageDelta},
		CallerRole: RoleOperate, CallerUID: 1000, Time: time.Unix(1, 2).UTC(), Platform: artifact.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"},
		Engine: &Engine{"20.10.24", "1.41"}, Disks: []Disk{{DiskState, 1, 2}, {DiskEngine, 3, 4}}, ComposeVersion: "2.29.1",
	}
	a := serve(t, func(s *grpc.Server) { Register(s, fakeHost{want}, nil, nil) })
	got, err := a.dial(t, Options{}).Describe(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestAnImageCrossesWhole(t *testing.T) {
	t.Parallel()
	f := newImages(1, 1000)
	c := serveImages(t, f).dial(t, Options{})
	got, err := c.Resolve(t.Context(), repo(), commit(), linux)
	if err != nil {
		t.Fatal(err)
	}
	opt := cmp.AllowUnexported(artifact.Digest{}, artifact.Repository{}, artifact.Commit{})
	if diff := cmp.Diff(f.image, got, opt); diff != "" {
		t.Error(diff)
	}
	tags, next, err := c.List(t.Context(), repo(), 7, "x")
	if err != nil || next != `after "x" by 7` || len(tags) != 1 || tags[0] != (Tag{Name: "tag", Digest: f.image.Manifest}) {
		t.Errorf("%v %q %v", tags, next, err)
	}
	_, err = c.Resolve(t.Context(), repo(), commit(), artifact.Platform{OS: "linux", Architecture: "s390x"})
	wantReason(t, err, fault.PlatformNotFound, false)
	if !strings.HasPrefix(err.Error(), "resolve unidesk/oa-event-flow@0123456789ab: ") {
		t.Errorf("%v does not name what was resolved", err)
	}
}

func (slowHost) Describe(ctx context.Context) (Description, error) {
	<-ctx.Done()
	return Description{}, ctx.Err()
}
