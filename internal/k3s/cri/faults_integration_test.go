//go:build integration

package cri_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestWhatTheRegistryDoesNotGiveHasAReason(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ctx := t.Context()
	absent := w.publish("1", w.layer(1<<10)).Pinned
	absent.Manifest = artifact.DigestOf([]byte("no manifest"))
	nowhere := absent
	var err error
	nowhere.Repository, err = artifact.ParseRepository("unidesk/nobody")
	w.must(err)
	for _, image := range []artifact.Pinned{absent, nowhere} {
		w.fails(w.store.Pull(ctx, image), fault.ImageUnavailable, false)
	}

	for i, damage := range []func(artifact.Image) artifact.Digest{
		func(i artifact.Image) artifact.Digest { return i.Layers[1].Digest },
		func(i artifact.Image) artifact.Digest { return i.Config },
		func(i artifact.Image) artifact.Digest { return i.Manifest },
	} {
		image := w.publish(string(rune('a'+i)), w.layer(1<<10), w.layer(1<<20))
		w.must(w.registry.Corrupt(damage(image).String()))
		w.fails(w.store.Pull(ctx, image.Pinned), fault.DigestMismatch, false)
		if _, there := w.image(byDigest(w.registry.Addr, image)); there {
			t.Error("half an image")
		}
		w.fails(w.store.Name(ctx, image.Pinned), fault.ImageUnavailable, true)
	}
	lost := w.publish("d", w.layer(1<<10))
	w.must(os.Remove(w.registry.BlobPath(lost.Layers[0].Digest.String())))
	w.fails(w.store.Pull(ctx, lost.Pinned), fault.ImageUnavailable, false)

	// The caller believes that the manifest names another config.
	good := w.publish("e", w.layer(1<<10))
	claim := good.Pinned
	claim.Config = absent.Config
	for range 2 { // by the pull, and by what is there
		w.fails(w.store.Pull(ctx, claim), fault.DigestMismatch, false)
	}
	w.fails(w.store.Name(ctx, claim), fault.DigestMismatch, false)
	if _, there := w.image(ref(w.registry.Addr, good)); there {
		t.Error("it has the name all the same")
	}
	w.must(w.store.Pull(ctx, good.Pinned))

	late := w.publish("f", w.layer(1<<10))
	w.must(w.registry.Stop())
	w.fails(w.store.Pull(ctx, late.Pinned), fault.ImageUnavailable, true)
	w.must(w.registry.Start(ctx))
	w.must(w.store.Pull(ctx, late.Pinned))
}

func TestARegistryThatAnswersOtherwise(t *testing.T) {
	t.Parallel()
	w := begin(t)
	serve := func(intercept func(http.ResponseWriter, *http.Request) bool) (string, artifact.Image) {
		ready := false
		store := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if !ready || !intercept(rw, r) {
				store.ServeHTTP(rw, r)
			}
		}))
		t.Cleanup(server.Close)
		addr := strings.TrimPrefix(server.URL, "http://")
		image := w.push(addr, "unidesk/x", strings.Repeat("a", 40), w.build(nil, w.layer(1<<20)))
		ready = true
		return addr, image
	}
	answer := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(rw http.ResponseWriter, _ *http.Request) bool {
			http.Error(rw, "\x1b[31mno\n"+strings.Repeat("long ", 1000), code)
			return true
		}
	}
	for name, code := range map[string]int{
		"forbidden": http.StatusForbidden, "a login": http.StatusUnauthorized, "broken": http.StatusInternalServerError, "overloaded": http.StatusServiceUnavailable,
	} {
		addr, image := serve(answer(code))
		err := w.of(addr).Pull(t.Context(), image.Pinned)
		t.Logf("%s: %v", name, err)
		if fault.ReasonOf(err) != fault.ImageUnavailable || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 1000 {
			t.Errorf("%s: %s: %q", name, fault.ReasonOf(err), err)
		}
	}

	// A pull that falls silent in the middle of a layer is given up, and the layer is
	// not there.
	over, silent := make(chan struct{}), make(chan struct{}, 8)
	mute := func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		rw.Header().Set("Content-Length", "1000000")
		_, _ = rw.Write([]byte{0x1f})
		_ = http.NewResponseController(rw).Flush()
		silent <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-over:
		}
		return true
	}
	addr, image := serve(mute)
	t.Cleanup(func() { close(over) }) // before the server closes
	s := w.of(addr)
	s.SetLimits(2*time.Second, time.Minute)
	w.fails(s.Pull(t.Context(), image.Pinned), fault.ImageUnavailable, true)
	<-silent
	if missing, err := s.Missing(t.Context(), image.Layers); err != nil || len(missing) != 1 {
		t.Errorf("%+v, %v", missing, err)
	}
	// A caller who gives up gets the own reason.
	s.SetLimits(time.Minute, time.Minute)
	ctx, giveUp := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	go func() { <-silent; giveUp(enough) }()
	if err := s.Pull(ctx, image.Pinned); !errors.Is(err, enough) {
		t.Error(err)
	}
	// A pull that moves, if slowly, is not silent.
	limit := 2 * time.Second
	slow := func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			time.Sleep(limit * 6 / 10) // twice: for the config and for the layer
		}
		return false
	}
	addr, image = serve(slow)
	s = w.of(addr)
	s.SetLimits(limit, time.Minute)
	err := s.Pull(t.Context(), image.Pinned)
	for err != nil && limit < 20*time.Second { // on a busy machine the rest takes longer
		limit *= 2
		s.SetLimits(limit, 10*limit)
		err = s.Pull(t.Context(), image.Pinned)
	}
	w.must(err)
}

func TestContainerdGoesAndComesBack(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ctx := t.Context()
	one, two := w.publish("1", w.layer(1<<10)), w.publish("2", w.layer(1<<10))
	w.must(w.store.Pull(ctx, one.Pinned))
	w.must(w.store.Name(ctx, one.Pinned))
	w.node.Kill()
	_, err := w.store.Version(ctx)
	w.fails(err, fault.EngineUnavailable, true)
	for _, call := range []func() error{
		func() error { return w.store.Pull(ctx, two.Pinned) },
		func() error { return w.store.Name(ctx, one.Pinned) },
		func() error { return w.store.Release(ctx, ref(w.registry.Addr, one)) },
		func() error { _, err := w.store.Missing(ctx, two.Layers); return err },
		func() error { _, err := w.store.Room(ctx); return err },
		func() error { _, _, err := w.store.Image(ctx, one.Config.String()); return err },
	} {
		w.fails(call(), fault.EngineUnavailable, true)
	}
	w.must(w.node.Start(ctx))
	w.eventually("the same store finds it again", func() bool { _, err := w.store.Version(ctx); return err == nil })
	w.eventually("CRI has read its images", func() bool { i, there := w.image(ref(w.registry.Addr, one)); return there && i.Pinned })
	w.must(w.store.Pull(ctx, two.Pinned))
	w.must(w.store.Name(ctx, two.Pinned))
	held, err := w.store.Held(ctx, one.Repository)
	if err != nil || len(held) != 2 {
		t.Errorf("%v, %v", held, err)
	}

	// It goes in the middle of a pull.
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	s := w.of(strings.TrimPrefix(server.URL, "http://"))
	three := two.Pinned
	three.Manifest = artifact.DigestOf([]byte("three"))
	killed := make(chan struct{})
	go func() { <-asked; w.node.Kill(); close(killed) }()
	w.fails(s.Pull(ctx, three), fault.EngineUnavailable, true)
	<-killed
	w.must(w.node.Start(ctx))
}

func TestAFullDiskIsSaid(t *testing.T) {
	t.Parallel()
	w := begin(t, func(dir string) {
		if err := errors.Join(os.Mkdir(dir+"/root", 0o700), syscall.Mount("tmpfs", dir+"/root", "tmpfs", 0, "size=48m")); err != nil {
			t.Fatal(err)
		}
	})
	ctx := t.Context()
	big := w.publish("1", w.layer(1<<10), w.layer(64<<20))
	err := w.store.Pull(ctx, big.Pinned)
	w.fails(err, fault.DiskFull, false)
	if need := strconv.FormatInt(workload.Room(big.Bytes), 10); !strings.Contains(err.Error(), need) {
		t.Errorf("it was tried, though %s bytes are needed: %v", need, err)
	}
	unknown := big.Pinned
	unknown.Bytes = 0 // its size is unknown
	w.fails(w.store.Pull(ctx, unknown), fault.DiskFull, false)
	if _, there := w.image(byDigest(w.registry.Addr, big)); there {
		t.Error("half an image")
	}
	// Its blob fits and what it unpacks to does not.
	zeros := w.publish("2", w.zeros(80<<20))
	zeros.Bytes = 0
	w.eventually("the node has room again", func() bool {
		room, err := w.store.Room(ctx)
		w.must(err)
		return room.Free > 16<<20
	})
	w.fails(w.store.Pull(ctx, zeros.Pinned), fault.DiskFull, false)
	small := w.publish("3", w.layer(1<<10))
	w.eventually("a small image fits", func() bool { return w.store.Pull(ctx, small.Pinned) == nil })
}

// A failed pull may give the disk back before it is answered.
func TestADiskThatWasFullIsSaid(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("a mount needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	seen := make(chan struct{})
	f := &fake{root: dir, disks: []string{dir}, status: absent}
	f.pull = func(context.Context) error {
		if err := os.WriteFile(dir+"/blob", make([]byte, 7<<20), 0o600); err != nil {
			return err
		}
		<-seen
		return errors.Join(os.Remove(dir+"/blob"), status.Error(codes.Unknown, "something"))
	}
	s := f.serve(t)
	time.AfterFunc(2*time.Second, func() { close(seen) }) // some forty looks at the disk
	want(t, s.Pull(t.Context(), pinned(t)), fault.DiskFull, false)
}
