//go:build integration

package stage_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// It runs on each engine that `make test` and `make engines` have: a classic store takes
// what any layer is rebuilt to, containerd's what the registry has not compressed.
func TestAReleaseIsMadeOfTheLastOnARealEngine(t *testing.T) {
	c := newEngine(t, realEngine(t))
	info, err := c.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, layer := range map[string]func(content []byte) v1.Layer{
		"gzip":           func(content []byte) v1.Layer { return gzipLayer(t, content) },
		"zstd":           func(content []byte) v1.Layer { return newZstdLayer(t, content) },
		"not compressed": uncompressed,
	} {
		t.Run(name, func(t *testing.T) {
			spool := newSpool(t, 0)
			base, deps, app := files(1, 3<<20), files(2, 10<<20), files(3, 20<<20)
			first := newProduct(t, layer(base), layer(deps), layer(app))
			next := newProduct(t, layer(base), layer(edited(deps, "an edit")), layer(edited(app, "an edit")))
			if _, err := stage.New(c, spool, newDeltas(t, first)).Stage(t.Context(), first.Image, first.tag(), (&record{}).emit); err != nil {
				t.Fatal(err)
			}
			src := newDeltas(t, next, first)
			var r record
			staged, err := stage.New(c, spool, src).Stage(t.Context(), next.Image, next.tag(), r.emit)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s store: %d of %d bytes: %+v", info.Store, staged.BytesReceived, staged.Whole(), staged)
			if exact := info.Store == engine.Classic || name == "not compressed"; exact != (staged.BytesReceived < 4<<10) {
				t.Errorf("%d bytes crossed", staged.BytesReceived)
			}
			got, err := c.Image(t.Context(), next.tag())
			if err != nil || got.ID != staged.ImageID || got.Config != next.Config || !got.Complete {
				t.Errorf("%+v, %v", got, err)
			}
			// Into an engine that has lost all, without a stream.
			for _, p := range []product{first, next} {
				if err := c.Untag(t.Context(), p.tag()); err != nil {
					t.Error(err)
				}
			}
			if staged, err = stage.New(c, spool, newDeltas(t, next)).Stage(t.Context(), next.Image, next.tag(), r.emit); err != nil {
				t.Error(err)
			}
			t.Logf("again: %+v", staged.Moves)
			if err := c.Untag(t.Context(), next.tag()); err != nil {
				t.Error(err)
			}
		})
	}
}

// rebuildProducts are the same in the test and in the process that it kills. The second is
// made of the first with some batches.
func rebuildProducts(tb testing.TB) (first, next product) {
	tb.Helper()
	old, more := files(1, 10<<20), files(2, 3<<20)
	first = newProduct(tb, uncompressed(old))
	next = newProduct(tb, uncompressed(append(old[:len(old)-1024:len(old)-1024], more...)))
	return first, next
}

// TestRebuildChild is no test: TestAKilledRebuildIsContinued runs it in a process of its
// own, which ends itself the hard way in or after the given batch.
func TestRebuildChild(t *testing.T) {
	at := os.Getenv("UNIDESK_TEST_KILL_AT")
	if at == "" {
		t.Skip("runs only as a child of TestAKilledRebuildIsContinued")
	}
	first, next := rebuildProducts(t)
	src := newDeltas(t, next, first)
	n := 0
	src.bendDelta = func(p layers.Piece, send func(layers.Piece) error) error {
		n++
		die := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }
		switch {
		case at == "before the first":
			die()
		case at == "after the first" && n == 2, at == "after the second" && n == 3:
			die()
		case at == "in the second" && n == 2, at == "before the name" && p.Delta.Offset+p.Delta.Length == p.Size:
			// As if the kill came after some bytes of it, or between the last and the name.
			whole := src.tars[next.Layers[0].DiffID]
			b := make([]byte, p.Size)
			if n == 2 {
				b = b[:p.Delta.Offset+1000]
			}
			if _, err := whole.Bytes.ReadAt(b, 0); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(os.Getenv("UNIDESK_TEST_SPOOL")+".cache/"+next.Layers[0].DiffID.Hex()+".part", b, 0o600); err != nil {
				t.Error(err)
			}
			die()
		}
		return send(p)
	}
	dir := os.Getenv("UNIDESK_TEST_SPOOL")
	spool, err := layers.OpenSpool(dir, 0, layers.OpenCache(dir+".cache", 0))
	if err != nil {
		t.Fatal(err)
	}
	_, err = stage.New(newFake(engine.Classic), spool, src).Stage(t.Context(), next.Image, next.tag(), (&record{}).emit)
	t.Fatalf("was to die %s and did not: %v", at, err)
}

func TestAKilledRebuildIsContinued(t *testing.T) {
	first, next := rebuildProducts(t)
	whole := newDeltas(t, next, first)
	w := newWorld(t, engine.Classic)
	w.cache = t.TempDir()
	for _, p := range []product{first, next} {
		src := whole
		if p.Manifest == first.Manifest {
			src = newDeltas(t, first)
		}
		if _, err := w.stage(t.Context(), p, src); err != nil {
			t.Fatal(err)
		}
	}
	if whole.batches < 4 {
		t.Fatalf("only %d batches", whole.batches)
	}
	for _, kills := range []string{
		"before the first", "after the first", "after the second", "in the second", "before the name", "after the first, after the first, before the name",
	} {
		t.Run(kills, func(t *testing.T) {
			w := newWorld(t, engine.Classic)
			w.dir = t.TempDir() + "/spool"
			w.cache = w.dir + ".cache"
			if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
				t.Fatal(err)
			}
			for at := range strings.SplitSeq(kills, ", ") {
				cmd := exec.Command(os.Args[0], "-test.run=^TestRebuildChild$", "-test.v")
				cmd.Env = append(os.Environ(), "UNIDESK_TEST_KILL_AT="+at, "UNIDESK_TEST_SPOOL="+w.dir)
				if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
					t.Fatalf("killed %s: %v\n%s", at, err, out)
				}
			}
			src := newDeltas(t, next, first)
			staged, err := w.stage(t.Context(), next, src)
			if err != nil {
				t.Fatal(err)
			}
			w.settled(first, next)
			t.Logf("%d of %d bytes after it", src.bytes, whole.bytes)
			if before := kills == "before the first"; before != (src.bytes == whole.bytes) || src.bytes > whole.bytes || staged.Moves[0].Way == workload.WayWhole {
				t.Errorf("%d bytes of %d crossed after it: %+v", src.bytes, whole.bytes, staged.Moves)
			}
		})
	}
}
