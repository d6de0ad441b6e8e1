package stage_test

import (
	"bytes"
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
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// edited is the tar with a few bytes changed.
func edited(content []byte, text string) []byte {
	content = bytes.Clone(content)
	copy(content[len(content)/2:], text)
	return content
}

// twoReleases are images with the same first layer, whose second layers differ a little.
func twoReleases(tb testing.TB, layer func(content []byte) v1.Layer) (first, next product) {
	tb.Helper()
	base, app := files(1, 200<<10), files(2, 400<<10)
	return newProduct(tb, layer(base), layer(app)), newProduct(tb, layer(base), layer(edited(app, "an edit")))
}

func uncompressed(content []byte) v1.Layer {
	return static.NewLayer(content, types.OCIUncompressedLayer)
}

func TestALayerIsMadeOfTheLastRelease(t *testing.T) {
	t.Parallel()
	zipped := func(content []byte) v1.Layer { return gzipLayer(t, content) }
	for name, test := range map[string]struct {
		store engine.Store
		layer func([]byte) v1.Layer
		delta bool
	}{
		"classic store, gzip":              {engine.Classic, zipped, true},
		"classic store, not compressed":    {engine.Classic, uncompressed, true},
		"containerd store, gzip":           {engine.Containerd, zipped, false},
		"containerd store, not compressed": {engine.Containerd, uncompressed, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.store)
			w.cache = t.TempDir()
			first, next := twoReleases(t, test.layer)
			src := newDeltas(t, next, first)
			if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
				t.Fatal(err)
			}
			staged, err := w.stage(t.Context(), next, src)
			if err != nil {
				t.Fatal(err)
			}
			w.settled(first, next)
			way, last := workload.WayWhole, staged.Moves[1]
			if test.delta {
				way = workload.WayDelta
			}
			if staged.Moves[0].Way != workload.WayPresent || last.Way != way || (last.Why == "") != test.delta {
				t.Errorf("moves %+v", staged.Moves)
			}
			if staged.BytesReceived != src.bytes || test.delta != (src.bytes < 1000) || staged.Whole() != next.Layers[1].Size {
				t.Errorf("%d bytes crossed, %d counted, of %d", src.bytes, staged.BytesReceived, staged.Whole())
			}
			said := slices.ContainsFunc(w.record.events, func(e workload.Event) bool {
				return e.Point == workload.PointStaged && e.Transfer.Wire == src.bytes && e.Transfer.Whole == staged.Whole() && e.Transfer.Layers[1] == last && strings.Contains(e.Text, " transferred, of ")
			})
			if said != test.delta {
				t.Errorf("it reports what was saved: %t", said)
			}
			if s := staged.Spent; s.Receive < 0 || s.Rebuild <= 0 || s.Load <= 0 {
				t.Errorf("spent %+v", s)
			}
		})
	}
}

// planner is a source that plans what it is to.
type planner struct {
	*deltas
	err error
}

func (p planner) Plan(_ context.Context, _ artifact.Repository, ranges []layers.Range, _ []artifact.Digest) (plans []layers.Plan, _ error) {
	for _, r := range ranges {
		plans = append(plans, layers.Plan{Digest: r.Layer.Digest, Delta: true, Wire: 321})
	}
	return plans, p.err
}

func repository(t *testing.T, name string) artifact.Repository {
	t.Helper()
	r, err := artifact.ParseRepository(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A layer that the cache has needs no stream, even if the engine lost it.
func TestAPrunedEngineIsFilledFromTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	w.cache = t.TempDir()
	first, next := twoReleases(t, uncompressed)
	for _, p := range []product{first, next} {
		if _, err := w.stage(t.Context(), p, newDeltas(t, p, first)); err != nil {
			t.Fatal(err)
		}
	}
	clear(w.engine.images)
	staged, err := w.stage(t.Context(), next, nil)
	if err != nil || staged.BytesReceived != 0 || staged.Moves[0].Way != workload.WayKept {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(next)

	// What rotted is refused by the engine, and crosses again.
	clear(w.engine.images)
	spoil(t, filepath.Join(w.cache, next.Layers[1].DiffID.Hex()))
	staged, err = w.stage(t.Context(), next, newDeltas(t, next, first))
	if err != nil || staged.BytesReceived == 0 || staged.Moves[1].Way != workload.WayDelta {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(next)
}

func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b { // everywhere, so that a delta meets it
		b[i] ^= 1
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestARottenBaseCostsOneWholeLayer(t *testing.T) {
	t.Parallel()
	cut := func(size int64) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		rot   func(t *testing.T, path string)
		named bool // as a base
	}{
		"changed": {spoil, true},
		"torn":    {cut(100_000), true},
		"empty":   {cut(0), false},
		"gone": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine.Classic)
			w.cache = t.TempDir()
			first, next := twoReleases(t, uncompressed)
			if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
				t.Fatal(err)
			}
			base := filepath.Join(w.cache, first.Layers[1].DiffID.Hex())
			test.rot(t, base)
			staged, err := w.stage(t.Context(), next, newDeltas(t, next, first))
			if err != nil {
				t.Fatal(err)
			}
			w.settled(first, next)
			// Without it, a delta is what compression makes of the layer.
			if size := next.Layers[1].Size; (staged.Moves[1].Way == workload.WayWhole) != test.named || staged.BytesReceived < size/4 || staged.BytesReceived > size+1000 {
				t.Errorf("%d bytes crossed: %+v", staged.BytesReceived, staged.Moves)
			}
			if test.named {
				if _, err := os.Stat(base); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the base is still there: %v", err)
				}
				if _, err := os.Stat(filepath.Join(w.cache, first.Layers[0].DiffID.Hex())); err != nil {
					t.Errorf("a sound base went with it: %v", err)
				}
			}
			// All is well from now on.
			third := newProduct(t, uncompressed(files(1, 200<<10)), uncompressed(edited(files(2, 400<<10), "another edit")))
			staged, err = w.stage(t.Context(), third, newDeltas(t, third, first, next))
			if err != nil || staged.Moves[1].Way != workload.WayDelta {
				t.Errorf("%+v, %v", staged, err)
			}
		})
	}
}

func TestADeltaIsContinuedAfterACut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, engine.Classic)
		w.cache = t.TempDir()
		// Much is new, so that it takes several batches.
		common := files(1, 1<<20)
		first := newProduct(t, uncompressed(common))
		next := newProduct(t, uncompressed(append(bytes.Clone(common[:len(common)-1024]), files(2, 2<<20)...)))
		if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
			t.Fatal(err)
		}
		whole := newDeltas(t, next, first)
		if err := whole.encode(t.Context(), layers.Range{Layer: next.Layers[0], Delta: true}, []artifact.Digest{first.Layers[0].DiffID}, func(layers.Piece) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if whole.batches < 3 {
			t.Fatalf("%d batches", whole.batches)
		}
		src, cuts := newDeltas(t, next, first), 0
		last := int64(0)
		src.bendDelta = func(p layers.Piece, send func(layers.Piece) error) error {
			if err := send(p); err != nil {
				return err
			}
			if cuts++; cuts <= 3 {
				last = p.Delta.Offset
				return fault.Transient(fault.HostUnreachable, "stream: %w", errCut)
			}
			return nil
		}
		staged, err := w.stage(t.Context(), next, src)
		if err != nil {
			t.Fatal(err)
		}
		if last == 0 || staged.Moves[0].Way != workload.WayDelta || src.bytes > whole.bytes+64<<10 {
			t.Errorf("%d bytes crossed of %d: %+v; %+v", src.bytes, whole.bytes, staged.Moves, w.record.events)
		}
		w.settled(first, next)
	})
}

func TestASourceOfDeltasIsNotTrusted(t *testing.T) {
	t.Parallel()
	const repeats = "that repeats" // when all is rebuilt
	for name, bend := range map[string]func(p layers.Piece, send func(layers.Piece) error) error{
		"that flips a bit": func(p layers.Piece, send func(layers.Piece) error) error {
			p.Delta.Ops[len(p.Delta.Ops)/2] ^= 4
			return send(p)
		},
		"that sends no operations": func(p layers.Piece, send func(layers.Piece) error) error {
			p.Delta.Ops = nil
			return send(p)
		},
		"that leaves a gap": func(p layers.Piece, send func(layers.Piece) error) error {
			p.Delta.Offset++
			return send(p)
		},
		repeats: func(p layers.Piece, send func(layers.Piece) error) error {
			return errors.Join(send(p), send(p))
		},
		"that makes nothing, for ever": func(p layers.Piece, send func(layers.Piece) error) error {
			p.Delta.Length = 0
			return send(p)
		},
		"that makes less than nothing": func(p layers.Piece, send func(layers.Piece) error) error {
			p.Delta.Length = -1
			return send(p)
		},
		"that makes more than the layer": func(p layers.Piece, send func(layers.Piece) error) error {
			p.Size--
			return send(p)
		},
		"that names a size that no disk has": func(p layers.Piece, send func(layers.Piece) error) error {
			p.Size = 1 << 60
			return send(p)
		},
		"that names no size": func(p layers.Piece, send func(layers.Piece) error) error {
			p.Size = -p.Size
			return send(p)
		},
		"that sends another layer": func(p layers.Piece, send func(layers.Piece) error) error {
			p.Digest = artifact.DigestOf([]byte("x"))
			return send(p)
		},
		"that sends the blob after a delta": func(p layers.Piece, send func(layers.Piece) error) error {
			p.Size++
			if err := send(p); err != nil {
				return err
			}
			return send(layers.Piece{Digest: p.Digest, Data: []byte("blob")})
		},
		"that ends early": func(layers.Piece, func(layers.Piece) error) error { return nil },
		"that fails": func(layers.Piece, func(layers.Piece) error) error {
			return fault.New(fault.Internal, "the copy is damaged")
		},
		"that stays silent": func(layers.Piece, func(layers.Piece) error) error {
			return fault.Transient(fault.HostUnreachable, "the agent died")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, engine.Classic)
				w.cache = t.TempDir()
				first, next := twoReleases(t, uncompressed)
				if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
					t.Fatal(err)
				}
				src := newDeltas(t, next, first)
				src.bendDelta = bend
				staged, err := w.stage(t.Context(), next, src)
				if err != nil {
					t.Fatal(err)
				}
				w.settled(first, next)
				if m := staged.Moves[1]; name != repeats && (m.Way != workload.WayWhole || m.Why == "" || m.Wire < m.Blob || m.Wire > m.Blob+10_000) {
					t.Errorf("%+v", m)
				}
				if !slices.ContainsFunc(w.record.events, func(e workload.Event) bool { return e.Warning && strings.Contains(e.Text, "whole") }) {
					t.Error("nothing reports it")
				}
				for _, p := range []product{first, next} {
					for _, l := range p.Layers {
						if b, err := os.ReadFile(filepath.Join(w.cache, l.DiffID.Hex())); err != nil || !bytes.Equal(b, p.blobs[l.Digest]) {
							t.Errorf("the cache has %d bytes of a layer: %v", len(b), err)
						}
					}
				}
				if left, _ := filepath.Glob(filepath.Join(w.cache, "*.part")); len(left) > 0 {
					t.Errorf("left %q", left)
				}
			})
		})
	}
}

func TestALayerThatTheCacheCannotHoldCrossesWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	w.cache = t.TempDir()
	first, next := twoReleases(t, uncompressed)
	if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
		t.Fatal(err)
	}
	spool, err := layers.OpenSpool(w.dir, 0, layers.OpenCache(w.cache, next.Bytes-100<<10))
	if err != nil {
		t.Fatal(err)
	}
	staged, err := stage.New(w.engine, spool, newDeltas(t, next, first)).Stage(t.Context(), next.Image, next.tag(), w.record.emit)
	if err != nil || staged.Moves[1].Way != workload.WayWhole {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(first, next)
}

func TestTheLayerInItsPlaceIsTheFirstBase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	w.cache = t.TempDir()
	first, next := twoReleases(t, uncompressed)
	other := newProduct(t, uncompressed(files(7, 100<<10)))
	other.Repository = repository(t, "unidesk/another")
	for _, p := range []product{first, other} {
		if _, err := w.stage(t.Context(), p, newDeltas(t, p)); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(time.Hour) // what was used last would be the first of any
	if err := os.Chtimes(filepath.Join(w.cache, other.Layers[0].DiffID.Hex()), later, later); err != nil {
		t.Fatal(err)
	}
	src := newDeltas(t, next, first)
	if _, err := w.stage(t.Context(), next, src); err != nil {
		t.Fatal(err)
	}
	if want := []artifact.Digest{first.Layers[1].DiffID, first.Layers[0].DiffID, other.Layers[0].DiffID}; !slices.Equal(want, src.bases) {
		t.Errorf("bases %v, not %v", src.bases, want)
	}
}

// The cache has the layers, but the engine has another store by now.
func TestAContainerdStoreGetsNoTarForABlob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	w.cache = t.TempDir()
	first, next := twoReleases(t, func(content []byte) v1.Layer { return gzipLayer(t, content) })
	if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
		t.Fatal(err)
	}
	w.engine = newFake(engine.Containerd)
	staged, err := w.stage(t.Context(), next, newDeltas(t, next, first))
	if err != nil || staged.BytesReceived != next.Bytes || !strings.Contains(staged.Moves[0].Why, "store") {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(next)
}

// A layer of the cache that is yet to be loaded stays, though another needs room.
func TestALayerThatIsToBeLoadedStaysInTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	w.cache = t.TempDir()
	first, next := twoReleases(t, func(content []byte) v1.Layer { return gzipLayer(t, content) })
	if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
		t.Fatal(err)
	}
	clear(w.engine.images)
	quota := int64(100 << 10)
	for _, l := range first.Layers {
		quota += int64(len(unpackBlob(t, first.blobs[l.Digest])))
	}
	spool, err := layers.OpenSpool(w.dir, 0, layers.OpenCache(w.cache, quota))
	if err != nil {
		t.Fatal(err)
	}
	staged, err := stage.New(w.engine, spool, newDeltas(t, next, first)).Stage(t.Context(), next.Image, next.tag(), w.record.emit)
	if err != nil || staged.Moves[0].Way != workload.WayKept || staged.Moves[1].Way != workload.WayWhole {
		t.Errorf("%+v, %v", staged, err)
	}
	w.settled(next)
}

func TestLayersOfOtherServicesAreBases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	w.cache = t.TempDir()
	first, _ := twoReleases(t, uncompressed)
	first.Repository = repository(t, "unidesk/another")
	if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
		t.Fatal(err)
	}
	next := newProduct(t, uncompressed(files(7, 10<<10)), uncompressed(edited(files(2, 400<<10), "an edit")))
	src := newDeltas(t, next, first)
	staged, err := w.stage(t.Context(), next, src)
	if err != nil || staged.BytesReceived > 20<<10 {
		t.Errorf("%+v, %v", staged, err)
	}
	if diff := cmp.Diff(2, len(src.bases)); diff != "" {
		t.Error(diff)
	}
}

func TestAPlanCountsDeltas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	w.cache = t.TempDir()
	first, next := twoReleases(t, uncompressed)
	if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		src   layers.Source
		bytes int64
		way   workload.Way
	}{
		"by the agent":              {planner{newDeltas(t, next, first), nil}, 321, workload.WayDelta},
		"that the agent cannot do":  {planner{newDeltas(t, next, first), errors.New("old agent")}, next.Layers[1].Size, workload.WayWhole},
		"of a source without plans": {next.source(), next.Layers[1].Size, workload.WayWhole},
	} {
		spool, err := layers.OpenSpool(w.dir, 0, w.opened())
		if err != nil {
			t.Fatal(err)
		}
		p, err := stage.New(w.engine, spool, test.src).Plan(t.Context(), next.Image)
		if err != nil {
			t.Fatal(err)
		}
		if p.Bytes != test.bytes || p.Whole != next.Layers[1].Size || p.Moves[0].Way != workload.WayPresent || p.Moves[1].Way != test.way {
			t.Errorf("%s: %d of %d bytes, %+v", name, p.Bytes, p.Whole, p.Moves)
		}
	}
}

func TestTwoRunsShareACache(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Classic)
	w.cache = t.TempDir()
	first, next := twoReleases(t, uncompressed)
	if _, err := w.stage(t.Context(), first, newDeltas(t, first)); err != nil {
		t.Fatal(err)
	}
	var all []product
	done := make(chan error)
	for i := range 4 {
		p := newProduct(t, uncompressed(files(1, 200<<10)), uncompressed(edited(files(2, 400<<10), "an edit")), uncompressed(files(uint64(10+i), 50<<10)))
		all = append(all, p)
		go func() {
			staged, err := w.stage(t.Context(), p, newDeltas(t, p, first, next))
			if err == nil && staged.BytesReceived > 150<<10 {
				err = fmt.Errorf("%d bytes crossed", staged.BytesReceived)
			}
			done <- err
		}()
	}
	for range all {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	w.settled(append(all, first)...)
}

// The spool and the cache are on a disk that has room for the blobs and for little else.
func TestAFullDiskCostsDeltasAndNoDeploy(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=67m"); err != nil { // 64 MiB stay free
		t.Skipf("NOT TESTED, a cache on a full disk: a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t, engine.Classic)
	w.dir, w.cache = filepath.Join(disk, "spool"), filepath.Join(disk, "cache")
	// What is in the cache leaves room for a blob, and not for what it unpacks to.
	layer := func(text string) product {
		return newProduct(t, gzipLayer(t, edited(append(make([]byte, 2<<20), files(2, 10<<10)...), text)))
	}
	tarOf := func(seed uint64, size int) product { return newProduct(t, uncompressed(files(seed, size))) }
	var all []product
	for _, p := range []product{tarOf(1, 1<<20), layer("an edit"), layer("another edit"), tarOf(3, 1<<20), layer("a third")} {
		if _, err := w.stage(t.Context(), p, newDeltas(t, p, all...)); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	w.settled(all...)
	var used int64
	list, err := os.ReadDir(w.cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		used += info.Size()
	}
	if used > 67<<19 {
		t.Errorf("the cache has %d bytes", used)
	}
}
