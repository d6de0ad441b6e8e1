package stage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// world is a product, an engine and a spool that survive runs.
type world struct {
	t      *testing.T
	engine *fakeEngine
	dir    string
	quota  int64
	// cache is the folder of the cache; if there is none, each run has an empty cache.
	cache  string
	record record
}

func newWorld(t *testing.T, store engine.Store) *world {
	t.Helper()
	return &world{t: t, engine: newFake(store), dir: t.TempDir()}
}

func (w *world) stage(ctx context.Context, p product, src layers.Source) (stage.Staged, error) {
	w.t.Helper()
	spool, err := layers.OpenSpool(w.dir, w.quota, w.opened())
	if err != nil {
		w.t.Fatal(err)
	}
	return stage.New(w.engine, spool, src).Stage(ctx, p.Image, p.tag(), w.record.emit)
}

func (w *world) opened() *layers.Cache {
	if w.cache == "" {
		return layers.OpenCache(w.t.TempDir(), 0)
	}
	return layers.OpenCache(w.cache, 0)
}

// settled fails the test unless exactly these products are there, tagged, and
// nothing else is, in the engine and in the spool.
func (w *world) settled(products ...product) {
	w.t.Helper()
	want := map[string][]string{}
	for _, p := range products {
		want[w.engine.info.Store.ID(p.Pinned)] = []string{p.tag()}
	}
	got := map[string][]string{}
	for id, i := range w.engine.images {
		got[id] = i.Tags
		if !i.Complete {
			w.t.Errorf("%s is not complete", id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("images (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"lock"}, w.files()); diff != "" {
		w.t.Errorf("spool (-want +got):\n%s", diff)
	}
}

func (w *world) files() (names []string) {
	list, err := os.ReadDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func threeLayers(t *testing.T) product {
	t.Helper()
	return newProduct(t, gzipLayer(t, files(1, 300<<10)), gzipLayer(t, files(2, 200<<10)), gzipLayer(t, files(3, 100<<10)))
}

var stores = []engine.Store{engine.Classic, engine.Containerd}

func TestAnImageIsStaged(t *testing.T) {
	t.Parallel()
	base := gzipLayer(t, files(1, 300<<10))
	empty := gzipLayer(t, files(9, 1))
	tests := map[string]struct {
		before []v1.Layer
		image  []v1.Layer
		sent   []int // which layers
	}{
		"into an empty engine":           {nil, []v1.Layer{base, gzipLayer(t, files(2, 1000))}, []int{0, 1}},
		"upon a base that is there":      {[]v1.Layer{base, gzipLayer(t, files(3, 1000))}, []v1.Layer{base, gzipLayer(t, files(2, 1000))}, []int{1}},
		"with one layer more":            {[]v1.Layer{base}, []v1.Layer{base, gzipLayer(t, files(2, 1000))}, []int{1}},
		"with one layer fewer":           {[]v1.Layer{base, empty}, []v1.Layer{base}, nil},
		"with a known layer on top only": {[]v1.Layer{empty, base}, []v1.Layer{base, empty}, []int{0, 1}},
		"with the same layer twice":      {nil, []v1.Layer{base, empty, gzipLayer(t, files(2, 1000)), empty}, []int{0, 1, 2}},
		"with a zstd layer":              {nil, []v1.Layer{base, newZstdLayer(t, files(4, 50<<10))}, []int{0, 1}},
	}
	for name, test := range tests {
		for _, store := range stores {
			t.Run(fmt.Sprintf("%s, %s store", name, store), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, store)
				var all []product
				if test.before != nil {
					p := newProduct(t, test.before...)
					if _, err := w.stage(t.Context(), p, p.source()); err != nil {
						t.Fatal(err)
					}
					all = append(all, p)
				}
				p := newProduct(t, test.image...)
				src := p.source()
				staged, err := w.stage(t.Context(), p, src)
				if err != nil {
					t.Fatal(err)
				}
				want := stage.Staged{ImageID: store.ID(p.Pinned), LayersSent: len(test.sent), LayersPresent: len(p.Layers) - len(test.sent)}
				for _, i := range test.sent {
					want.BytesReceived += p.Layers[i].Size
				}
				if diff := cmp.Diff(want, staged, cmpopts.IgnoreFields(stage.Staged{}, "Moves", "Spent")); diff != "" {
					t.Errorf("staged (-want +got):\n%s", diff)
				}
				w.settled(append(all, p)...)

				again, err := w.stage(t.Context(), p, src)
				if err != nil || again.BytesReceived != 0 || len(src.asked) > 1 {
					t.Errorf("again: %+v, %v, asked %d times", again, err, len(src.asked))
				}
			})
		}
	}
}

func TestAnOldEngineGetsZstdUnpacked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	w.engine.info.APIVersion = "1.41"
	p := newProduct(t, gzipLayer(t, files(1, 1000)), newZstdLayer(t, files(4, 50<<10)))
	if _, err := w.stage(t.Context(), p, p.source()); err != nil {
		t.Fatal(err)
	}
	w.settled(p)
}

func TestAnImageThatIsThereOnlyGetsItsName(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Classic), threeLayers(t)
	if _, err := w.stage(t.Context(), p, p.source()); err != nil {
		t.Fatal(err)
	}
	w.engine.images[p.Config.String()].Tags = nil
	loads := len(w.engine.loads)
	staged, err := w.stage(t.Context(), p, nil)
	if err != nil || staged.BytesReceived != 0 || len(w.engine.loads) != loads {
		t.Fatalf("%+v, %v, loads %q", staged, err, w.engine.loads)
	}
	w.settled(p)
}

// A load that is not short shows its bytes to the last.
func TestALongLoadShowsItsBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Containerd)
	w.engine.before = func(int) error {
		time.Sleep(1100 * time.Millisecond)
		return nil
	}
	p := newProduct(t, plainLayer(1))
	if _, err := w.stage(t.Context(), p, p.source()); err != nil {
		t.Fatal(err)
	}
	whole := func(e workload.Event) bool { return e.Point == workload.PointLoad && e.Total > 0 && e.Done == e.Total }
	if !slices.ContainsFunc(w.record.events, whole) {
		t.Errorf("%+v", w.record.events)
	}
}

func TestOneLayerIsLoadedWhileTheNextIsOnItsWay(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, store)
			p := newProduct(t, plainLayer(1), gzipLayer(t, files(2, 1000)))
			loaded := make(chan struct{})
			first := map[engine.Store]int{engine.Classic: 2, engine.Containerd: 1}[store] // the classic store is probed before
			w.engine.before = func(n int) error {
				if n == first {
					close(loaded)
				}
				return nil
			}
			src := p.source()
			src.bend = func(c layers.Piece, send func(layers.Piece) error) error {
				if c.Digest == p.Layers[1].Digest {
					<-loaded
				}
				return send(c)
			}
			if _, err := w.stage(t.Context(), p, src); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"0", "1"}, w.engine.loads[first-1:]); diff != "" {
				t.Errorf("layers in each load (-want +got):\n%s", diff)
			}
			count := map[workload.Point]int{}
			for _, e := range w.record.events {
				if e.Total == 0 { // how far the bytes are comes as often as time passes
					count[e.Point]++
				}
			}
			delete(count, workload.PointTransfer)
			if diff := cmp.Diff(map[workload.Point]int{workload.PointLayer: 2, workload.PointLoad: 2, workload.PointStaged: 1}, count); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if got := w.record.points(); !strings.HasSuffix(got, "layer load staged") {
				t.Errorf("events %q", got)
			}
			w.settled(p)
		})
	}
}

func TestACutCostsNothing(t *testing.T) {
	t.Parallel()
	for _, every := range []int{7_001, 64<<10 - 1, 200_000} {
		t.Run(fmt.Sprintf("every %d bytes", every), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, p := newWorld(t, engine.Classic), threeLayers(t)
				src := p.source()
				src.cutAfter = every
				staged, err := w.stage(t.Context(), p, src)
				if err != nil {
					t.Fatal(err)
				}
				if len(src.asked) < int(p.Bytes)/every {
					t.Errorf("only %d streams", len(src.asked))
				}
				if src.bytes != p.Bytes || staged.BytesReceived != p.Bytes {
					t.Errorf("%d bytes crossed, %d counted, of %d", src.bytes, staged.BytesReceived, p.Bytes)
				}
				w.settled(p)
			})
		})
	}
}

func TestALineThatStaysDeadIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t, engine.Classic), threeLayers(t)
		src := p.source()
		src.bend = func(layers.Piece, func(layers.Piece) error) error {
			return fault.Transient(fault.HostUnreachable, "%w", errCut)
		}
		began := time.Now()
		_, err := w.stage(t.Context(), p, src)
		if took := time.Since(began); !errors.Is(err, errCut) || fault.ReasonOf(err) != fault.HostUnreachable || took != 2*time.Minute {
			t.Errorf("%v after %v and %d streams", err, took, len(src.asked))
		}
	})
}

// A registry or a line that is away for less than the limit costs only the time that it was
// away: bytes that came before count, and the limit begins anew with each byte.
func TestWhatGoesAwayInMidBlobIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t, engine.Classic), threeLayers(t)
		src := p.source()
		var away time.Time // until
		outages := 0
		src.bend = func(c layers.Piece, send func(layers.Piece) error) error {
			if c.Offset > 0 && outages < 3 && away.IsZero() {
				outages++
				away = time.Now().Add(100 * time.Second)
			}
			if time.Now().Before(away) {
				return fault.Transient(fault.RegistryUnavailable, "registry does not answer")
			}
			if !away.IsZero() {
				away = time.Time{}
				if err := send(c); err != nil {
					return err
				}
				return fault.Transient(fault.RegistryUnavailable, "a byte, and away again")
			}
			return send(c)
		}
		if _, err := w.stage(t.Context(), p, src); err != nil || outages != 3 {
			t.Fatal(err, outages)
		}
		if src.bytes != p.Bytes {
			t.Errorf("%d bytes crossed, of %d", src.bytes, p.Bytes)
		}
		if !slices.ContainsFunc(w.record.events, func(e workload.Event) bool { return strings.HasPrefix(e.Text, "waiting for up to ") }) {
			t.Error("nothing reports that it waits")
		}
		w.settled(p)
	})
}

// The engine of this host may be started again while it loads.
func TestAnEngineThatGoesAwayInTheLoadIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t, engine.Classic), threeLayers(t)
		back := time.Now().Add(90 * time.Second)
		w.engine.before = func(int) error {
			if time.Now().Before(back) {
				return fault.Transient(fault.EngineUnavailable, "connection refused")
			}
			return nil
		}
		if _, err := w.stage(t.Context(), p, p.source()); err != nil {
			t.Fatal(err)
		}
		w.settled(p)
	})
}

func TestACancelledRunIsContinued(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Classic), threeLayers(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	src := p.source()
	src.chunk = 1000
	stop := fault.New(fault.Interrupted, "stopped by Ctrl-C")
	src.bend = func(c layers.Piece, send func(layers.Piece) error) error {
		if c.Digest == p.Layers[1].Digest && c.Offset > 50_000 {
			cancel(stop)
		}
		return send(c)
	}
	if _, err := w.stage(ctx, p, src); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	before := src.bytes
	rest := p.source()
	if _, err := w.stage(t.Context(), p, rest); err != nil {
		t.Fatal(err)
	}
	if before < 50_000 || before+rest.bytes != p.Bytes {
		t.Errorf("%d bytes and then %d of %d", before, rest.bytes, p.Bytes)
	}
	w.settled(p)
}

func TestASourceIsNotTrusted(t *testing.T) {
	t.Parallel()
	tests := map[string]func(c layers.Piece, send func(layers.Piece) error) error{
		"that flips a bit": func(c layers.Piece, send func(layers.Piece) error) error {
			if c.Offset == 64<<10 {
				c.Data[7] ^= 4
			}
			return send(c)
		},
		"that leaves a gap": func(c layers.Piece, send func(layers.Piece) error) error {
			if c.Offset == 64<<10 {
				return nil
			}
			return send(c)
		},
		"that repeats": func(c layers.Piece, send func(layers.Piece) error) error {
			return errors.Join(send(c), send(c))
		},
		"that sends another layer": func(c layers.Piece, send func(layers.Piece) error) error {
			c.Digest = artifact.DigestOf([]byte("x"))
			return send(c)
		},
		"that sends nothing for ever": func(c layers.Piece, send func(layers.Piece) error) error {
			c.Data = nil
			return send(c)
		},
		"that sends more": func(c layers.Piece, send func(layers.Piece) error) error {
			c.Data = append(c.Data, make([]byte, 1<<20)...)
			return send(c)
		},
	}
	for name, bend := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t, engine.Classic), threeLayers(t)
			src := p.source()
			src.bend = bend
			_, err := w.stage(t.Context(), p, src)
			if fault.ReasonOf(err) != fault.DigestMismatch {
				t.Errorf("error is %v", err)
			}
			if len(w.engine.images) > 0 {
				t.Errorf("engine has %v", w.engine.images)
			}
			if _, err := w.stage(t.Context(), p, p.source()); err != nil {
				t.Errorf("honest source: %v", err)
			}
			w.settled(p)
		})
	}
}

func TestAStreamThatEndsEarlyIsNotComplete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t, engine.Classic), threeLayers(t)
		src := p.source()
		src.bend = func(c layers.Piece, send func(layers.Piece) error) error {
			if c.Offset > 0 || c.Digest != p.Layers[0].Digest {
				return nil // as if sent
			}
			return send(c)
		}
		_, err := w.stage(t.Context(), p, src)
		if fault.ReasonOf(err) != fault.RegistryUnavailable || !fault.Retryable(err) {
			t.Error(err)
		}
	})
}

func TestLayersOfTheBuildCacheAreFound(t *testing.T) {
	t.Parallel()
	p := threeLayers(t)
	for n, want := range []int64{p.Bytes, p.Bytes - p.Layers[0].Size, p.Layers[2].Size, 0} {
		t.Run(fmt.Sprintf("%d of 3", n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine.Classic)
			for _, l := range p.Layers[:n] {
				w.engine.cache = append(w.engine.cache, l.DiffID.String())
			}
			staged, err := w.stage(t.Context(), p, p.source())
			if err != nil || staged.BytesReceived != want {
				t.Errorf("%d bytes instead of %d, %v", staged.BytesReceived, want, err)
			}
			w.settled(p)
		})
	}
}

func TestLayersPrunedBetweenQuestionAndLoadAreSent(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Classic), threeLayers(t)
	for _, l := range p.Layers[:2] {
		w.engine.cache = append(w.engine.cache, l.DiffID.String())
	}
	w.engine.before = func(n int) error {
		if n == 2 { // the first was the probe
			w.engine.cache = nil
		}
		return nil
	}
	staged, err := w.stage(t.Context(), p, p.source())
	if err != nil || staged.BytesReceived != p.Bytes {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(p)
}

func TestPrunedPrefixImagesAreSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	p := newProduct(t, plainLayer(1), gzipLayer(t, files(2, 1000)))
	src := p.source()
	prefixed := make(chan struct{})
	w.engine.before = func(n int) error {
		switch n {
		case 2:
			close(prefixed)
		case 3:
			w.engine.prune()
		}
		return nil
	}
	src.bend = func(c layers.Piece, send func(layers.Piece) error) error {
		if c.Digest == p.Layers[1].Digest {
			<-prefixed
		}
		return send(c)
	}
	staged, err := w.stage(t.Context(), p, src)
	if err != nil || staged.BytesReceived != p.Bytes {
		t.Errorf("%+v, %v", staged, err) // the blob was still in the spool
	}
	w.settled(p)
}

func TestARefusedLoadKeepsWhatCame(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Classic), threeLayers(t)
	refused := fault.New(fault.EngineFailed, "no room in the inn")
	w.engine.before = func(n int) error {
		if n > 1 {
			return refused
		}
		return nil
	}
	if _, err := w.stage(t.Context(), p, p.source()); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	if len(w.engine.loads) != 3 {
		t.Errorf("%d loads instead of a probe and two", len(w.engine.loads))
	}
	w.engine.before = nil
	staged, err := w.stage(t.Context(), p, nil)
	if err != nil || staged.BytesReceived != 0 {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(p)
}

func TestAFailedLoadEndsTheStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	p := newProduct(t, plainLayer(1), gzipLayer(t, files(2, 200<<10)))
	w.engine.before = func(n int) error {
		if n == 2 { // the first was the probe
			return fault.New(fault.DiskFull, "no space left on device")
		}
		return nil
	}
	src := p.source()
	src.bend = func(c layers.Piece, send func(layers.Piece) error) error {
		if c.Digest == p.Layers[1].Digest {
			src.delay = time.Hour // before the next chunk
		}
		return send(c)
	}
	if _, err := w.stage(t.Context(), p, src); fault.ReasonOf(err) != fault.DiskFull {
		t.Error(err)
	}
}

func TestALoadThatHasBegunMayEnd(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Containerd), threeLayers(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := fault.New(fault.Interrupted, "stopped by Ctrl-C")
	w.engine.before = func(int) error {
		cancel(stop)
		return nil
	}
	if _, err := w.stage(ctx, p, p.source()); !errors.Is(err, stop) {
		t.Error(err)
	}
	if w.engine.interrupted {
		t.Error("the load was interrupted")
	}
	w.engine.before = nil
	if staged, err := w.stage(t.Context(), p, nil); err != nil || staged.BytesReceived != 0 {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(p)
}

func TestABlobThatRottedInTheSpoolIsSentAgain(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Classic), threeLayers(t)
	w.engine.before = func(n int) error {
		if n > 1 {
			return fault.New(fault.DiskFull, "no space left on device")
		}
		return nil
	}
	if _, err := w.stage(t.Context(), p, p.source()); fault.ReasonOf(err) != fault.DiskFull {
		t.Fatal(err)
	}
	path := filepath.Join(w.dir, p.Layers[1].Digest.Hex())
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	w.engine.before = nil
	staged, err := w.stage(t.Context(), p, p.source())
	if err != nil || staged.BytesReceived != p.Layers[1].Size {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(p)
}

func TestAnImageLargerThanTheSpoolPassesThroughIt(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Classic), threeLayers(t)
	w.quota = p.Layers[0].Size + p.Layers[1].Size/2
	if _, err := w.stage(t.Context(), p, p.source()); err != nil {
		t.Fatal(err)
	}
	w.settled(p)

	w = newWorld(t, engine.Classic)
	w.quota = p.Layers[0].Size - 1
	_, err := w.stage(t.Context(), p, p.source())
	if fault.ReasonOf(err) != fault.DiskFull || fault.Retryable(err) {
		t.Error(err)
	}
}

func TestAContainerdStoreThatHasOtherBlobsGetsAll(t *testing.T) {
	t.Parallel()
	content := files(1, 50<<10)
	w := newWorld(t, engine.Containerd)
	old := newProduct(t, newZstdLayer(t, content))
	p := newProduct(t, gzipLayer(t, content), gzipLayer(t, files(2, 1000)))
	if _, err := w.stage(t.Context(), old, old.source()); err != nil {
		t.Fatal(err)
	}
	staged, err := w.stage(t.Context(), p, p.source())
	if err != nil || staged.BytesReceived != p.Bytes {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(old, p)
}

func TestAnIncompleteImageIsMadeWhole(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Containerd), threeLayers(t)
	if _, err := w.stage(t.Context(), p, p.source()); err != nil {
		t.Fatal(err)
	}
	w.engine.images[p.Manifest.String()].Complete = false // as content collected by mistake leaves it
	delete(w.engine.blobs, p.Layers[1].Digest.String())
	staged, err := w.stage(t.Context(), p, p.source())
	if err != nil || staged.BytesReceived != p.Bytes {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(p)
}

func TestAContainerdStoreThatCannotTellIsRefused(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Containerd), threeLayers(t)
	w.engine.info.APIVersion = "1.47"
	if _, err := w.stage(t.Context(), p, p.source()); fault.ReasonOf(err) != fault.CapabilityMissing {
		t.Error(err)
	}
}

func TestAPlanChangesNothing(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Classic), threeLayers(t)
	w.engine.before = func(n int) error {
		if n > 1 {
			return fault.New(fault.DiskFull, "no space left on device")
		}
		return nil
	}
	plan := func() stage.Plan {
		spool, err := layers.OpenSpool(w.dir, 0, layers.OpenCache(t.TempDir(), 0))
		if err != nil {
			t.Fatal(err)
		}
		got, err := stage.New(w.engine, spool, nil).Plan(t.Context(), p.Image)
		if err != nil {
			t.Fatal(err)
		}
		if got.SpoolFree == 0 {
			t.Error("no room in the spool")
		}
		got.SpoolFree, got.Moves = 0, nil
		return got
	}
	if diff := cmp.Diff(stage.Plan{Missing: p.Layers, Bytes: p.Bytes, Whole: p.Bytes, EngineBytes: 4 * p.Bytes}, plan(), cmp.Comparer(digests)); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	_, _ = w.stage(t.Context(), p, p.source())
	if diff := cmp.Diff(stage.Plan{Missing: p.Layers, EngineBytes: 4 * p.Bytes}, plan(), cmp.Comparer(digests)); diff != "" {
		t.Errorf("with all in the spool (-want +got):\n%s", diff)
	}
	w.engine.before = nil
	_, _ = w.stage(t.Context(), p, p.source())
	if diff := cmp.Diff(stage.Plan{}, plan()); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
}

func digests(a, b artifact.Digest) bool { return a == b }

func TestProgressIsNotAFlood(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t, engine.Classic), threeLayers(t)
	src := p.source()
	src.chunk = 100
	if _, err := w.stage(t.Context(), p, src); err != nil {
		t.Fatal(err)
	}
	var last workload.Event
	n := 0
	for _, e := range w.record.events {
		if e.Point == workload.PointTransfer {
			n, last = n+1, e
		}
	}
	if n > 40 || last.Done != p.Bytes || last.Total != p.Bytes {
		t.Errorf("%d events, last %+v", n, last)
	}
}
