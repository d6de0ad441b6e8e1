//go:build integration

package cri_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// world is a real containerd with CRI and a real registry.
type world struct {
	*testing.T
	node     *lab.Containerd
	registry *lab.Registry
	store    *cri.Store
	// raw is a connection of the test's own, to do what others on a node do.
	raw *grpc.ClientConn
}

// begin starts a world. prepare may first change the folder of the node's state.
func begin(t *testing.T, prepare ...func(dir string)) *world {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("containerd needs root")
	}
	dir, err := os.MkdirTemp("", "cri") //nolint:usetesting // a socket's path has at most 107 bytes
	w := &world{T: t}
	w.must(err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := lab.Program("registry")
	w.must(err)
	w.must(os.Mkdir(dir+"/registry", 0o700))
	w.registry, err = lab.StartRegistry(t.Context(), program, dir+"/registry")
	w.must(err)
	t.Cleanup(func() { w.check(w.registry.Stop()) })
	w.must(os.Mkdir(dir+"/node", 0o700))
	for _, p := range prepare {
		p(dir + "/node")
	}
	w.node, err = lab.StartContainerd(t.Context(), dir+"/node")
	w.must(err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.node.Tail(30))
		}
		w.check(w.node.Stop())
	})
	w.store = w.of(w.registry.Addr)
	w.raw, err = grpc.NewClient("unix://"+w.node.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	w.must(err)
	t.Cleanup(func() { _ = w.raw.Close() })
	w.eventually("CRI is ready", func() bool { _, err := w.store.Version(t.Context()); return err == nil })
	return w
}

// of is a store that pulls from another registry.
func (w *world) of(registry string) *cri.Store {
	w.Helper()
	s, err := cri.New(w.node.Socket, registry)
	w.must(err)
	w.Cleanup(func() { _ = s.Close() })
	return s
}

func (w *world) must(err error) {
	if w.Helper(); err != nil {
		w.Fatal(err)
	}
}

func (w *world) check(err error) {
	if w.Helper(); err != nil {
		w.Error(err)
	}
}

// fails wants a reason and whether a retry may help.
func (w *world) fails(err error, reason fault.Reason, retry bool) {
	w.Helper()
	w.Logf("%v (%s)", err, fault.HintOf(err))
	if err == nil || fault.ReasonOf(err) != reason || fault.Retryable(err) != retry || fault.HintOf(err) == "" && reason != fault.DigestMismatch {
		w.Errorf("%s, retry %t: %v; want %s, %t, and a hint", fault.ReasonOf(err), fault.Retryable(err), err, reason, retry)
	}
}

// eventually waits for what a goroutine of containerd does later.
func (w *world) eventually(what string, is func() bool) {
	w.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("still not: %s", what)
		}
	}
}

// others is a context for the raw connection.
func (w *world) others() context.Context {
	return metadata.AppendToOutgoingContext(w.Context(), "containerd-namespace", "k8s.io")
}

// image is what is asked of CRI.
func (w *world) image(name string) (cri.Image, bool) {
	w.Helper()
	i, there, err := w.store.Image(w.Context(), name)
	w.must(err)
	return i, there
}

// layer has a file of random bytes.
func (w *world) layer(size int64) v1.Layer {
	w.Helper()
	l, err := random.Layer(size, types.OCILayer)
	w.must(err)
	return l
}

// build makes an image whose config fits this machine.
func (w *world) build(labels map[string]string, layers ...v1.Layer) v1.Image {
	w.Helper()
	i, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH, Config: v1.Config{Labels: labels, Entrypoint: []string{"/app/server"}, Cmd: []string{"serve"}, WorkingDir: "/app"}, RootFS: v1.RootFS{Type: "layers"},
	})
	w.must(err)
	i, err = mutate.AppendLayers(i, layers...)
	w.must(err)
	return i
}

// push pushes an image as the producer does, under its commit, and returns it resolved.
func (w *world) push(registry, repository, commit string, i v1.Image) artifact.Image {
	w.Helper()
	ref, err := name.ParseReference(registry+"/"+repository+":"+commit, name.Insecure)
	w.must(err)
	w.must(remote.Write(ref, i, remote.WithTransport(http.DefaultTransport), remote.WithContext(w.Context())))
	raw := artifact.Raw{ManifestMediaType: string(types.OCIManifestSchema1)}
	raw.Repository, err = artifact.ParseRepository(repository)
	w.must(err)
	raw.Commit, err = artifact.ParseCommit(commit)
	w.must(err)
	raw.ManifestBytes, err = i.RawManifest()
	w.must(err)
	raw.ConfigBytes, err = i.RawConfigFile()
	w.must(err)
	raw.Manifest = artifact.DigestOf(raw.ManifestBytes)
	image, err := artifact.ParseImage(raw)
	w.must(err)
	return image
}

// publish pushes a new image of unidesk/x to the world's registry.
func (w *world) publish(digit string, layers ...v1.Layer) artifact.Image {
	w.Helper()
	commit := strings.Repeat(digit, 40)
	return w.push(w.registry.Addr, "unidesk/x", commit, w.build(map[string]string{"unidesk.commit": commit}, layers...))
}

func ref(registry string, image artifact.Image) string {
	return registry + "/" + image.Repository.String() + ":" + image.Commit.String()
}

func byDigest(registry string, image artifact.Image) string {
	return registry + "/" + image.Repository.String() + "@" + image.Manifest.String()
}

// zeros has a file that compresses to nearly nothing.
func (w *world) zeros(size int64) v1.Layer {
	w.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	w.must(tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "zeros", Size: size, Mode: 0o644}))
	_, err := tw.Write(make([]byte, size))
	w.must(err)
	w.must(tw.Close())
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }, tarball.WithMediaType(types.OCILayer))
	w.must(err)
	return l
}
