package layers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// tarball is a tar of some files of random bytes: an archive of these seeds.
func tarball(tb testing.TB, seeds ...uint64) blob {
	tb.Helper()
	b := newTar(tb, seeds)
	return blob{artifact.Layer{Digest: artifact.DigestOf(b), DiffID: artifact.DigestOf(b), Size: int64(len(b))}, b}
}

// batches are the pieces that make the target from a byte on, of these bases.
func batches(tb testing.TB, target blob, from int64, bases ...blob) (sent chunks) {
	tb.Helper()
	var list []delta.Tar
	for _, b := range bases {
		list = append(list, indexed(tb, b))
	}
	err := delta.Encode(tb.Context(), indexed(tb, target), list, from, func(b delta.Batch) error {
		b.Ops = bytes.Clone(b.Ops)
		sent = append(sent, layers.Piece{Digest: target.Digest, Delta: &b, Size: int64(len(target.b))})
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return sent
}

func indexed(tb testing.TB, b blob) delta.Tar {
	tb.Helper()
	x := delta.NewIndexer()
	if _, err := x.Write(b.b); err != nil {
		tb.Fatal(err)
	}
	index, err := x.Close()
	if err != nil {
		tb.Fatal(err)
	}
	return delta.Tar{Index: index, Bytes: bytes.NewReader(b.b)}
}

// asked is a source that notes what it is asked for.
type asked struct {
	chunks
	ranges []layers.Range
	bases  []artifact.Digest
}

func (a *asked) Stream(ctx context.Context, repo artifact.Repository, ranges []layers.Range, bases []artifact.Digest, each func(layers.Piece) error) error {
	a.ranges, a.bases = ranges, bases
	return a.chunks.Stream(ctx, repo, ranges, bases, each)
}

// receiveDelta asks for the blobs as deltas of a base of the cache.
func receiveDelta(t *testing.T, c cached, src layers.Source, base blob, wanted ...blob) (whole []artifact.Digest, wire int, err error) {
	t.Helper()
	var ranges []layers.Range
	for _, b := range wanted {
		ranges = append(ranges, layers.Range{Layer: b.Layer, Delta: true, Rebuilt: c.Cache.Rebuilt(b.DiffID)})
	}
	held := c.Cache.Hold([]artifact.Digest{base.DiffID})
	defer held.Close()
	err = layers.Receive(t.Context(), c.Spool, src, artifact.Repository{}, ranges, held, layers.Hooks{
		Room: func(context.Context, artifact.Layer, int64) error { return nil },
		RoomToRebuild: func(_ context.Context, _ artifact.Layer, need int64) error {
			return c.Cache.MakeRoom(need, func(artifact.Digest) bool { return false })
		},
		Received: func(p layers.Piece, _ time.Duration) { wire += p.Wire },
		Whole:    func(l artifact.Layer) { whole = append(whole, l.Digest) },
	})
	return whole, wire, err
}

func TestALayerIsRebuilt(t *testing.T) {
	t.Parallel()
	c := newCached(t, 0)
	base, next, other := tarball(t, 1, 2, 3), tarball(t, 1, 4, 3), newBlob(9, 1000)
	rebuild(t, c, base, time.Now())
	sent := batches(t, next, 0, base)
	src := &asked{chunks: append(sent, other.chunk(0, 600), other.chunk(600, 1000))} // as it likes
	whole, wire, err := receiveDelta(t, c, src, base, next, other)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(c.cache, next.DiffID.Hex())); err != nil || !bytes.Equal(got, next.b) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if len(whole) != 2 || c.Has(next.Digest) || !c.Has(other.Digest) {
		t.Errorf("whole are %v", whole)
	}
	want := 1000
	for _, p := range sent {
		want += len(p.Delta.Ops)
	}
	if wire != want || wire > 20_000 {
		t.Errorf("%d bytes crossed, not %d", wire, want)
	}
	if len(src.bases) != 1 || !src.ranges[0].Delta {
		t.Errorf("asked for %+v of %v", src.ranges, src.bases)
	}
}

// The bases are open: that the cache drops them in the middle changes nothing.
func TestABaseInUseMayBeDropped(t *testing.T) {
	t.Parallel()
	c := newCached(t, 3*17_000)
	base, next := tarball(t, 1, 2, 3), tarball(t, 1, 4, 3)
	rebuild(t, c, base, time.Now())
	if _, _, err := receiveDelta(t, c, batches(t, next, 0, base), base, next); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Cache.Size(base.DiffID); ok {
		t.Error("the base was not in the way")
	}
	if _, ok := c.Cache.Size(next.DiffID); !ok {
		t.Error("the layer is not there")
	}
}

func TestARebuildGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	base, next := tarball(t, 1, 2, 3), tarball(t, 1, 4, 3)
	size := len(next.b)
	for _, at := range []int{1, 511, 512, 20_000, size - 1, size} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			c := newCached(t, 0)
			rebuild(t, c, base, time.Now())
			part := filepath.Join(c.cache, next.DiffID.Hex()+".part")
			if err := os.WriteFile(part, next.b[:at], 0o600); err != nil {
				t.Fatal(err)
			}
			src := &asked{chunks: batches(t, next, int64(at), base)}
			whole, _, err := receiveDelta(t, c, src, base, next)
			if err != nil || len(whole) != 1 {
				t.Fatal(whole, err)
			}
			if at == size && src.ranges != nil {
				t.Error("what is whole was asked for")
			}
			if at < size && src.ranges[0].Rebuilt != int64(at) {
				t.Errorf("asked for %+v", src.ranges)
			}
			if got, err := os.ReadFile(filepath.Join(c.cache, next.DiffID.Hex())); err != nil || !bytes.Equal(got, next.b) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// Whatever a source sends, the layer is exact or it is an error, and nothing of it stays but
// what a later stream may go on with.
func TestDeltasAreTakenOnlyAsTheyWereAskedFor(t *testing.T) {
	t.Parallel()
	base, next := tarball(t, 1, 2, 3), tarball(t, 1, 4, 3)
	edit := func(change func(p *layers.Piece)) func(chunks) chunks {
		return func(sent chunks) chunks {
			change(&sent[len(sent)-1])
			return sent
		}
	}
	for name, test := range map[string]struct {
		bend  func(sent chunks) chunks
		want  string
		plain bool // not the fault of a rebuild
	}{
		"with another digest":          {edit(func(p *layers.Piece) { p.Digest = base.Digest }), "was asked for", true},
		"with a gap":                   {edit(func(p *layers.Piece) { p.Delta.Offset++ }), "of which 0 of", false},
		"before its start":             {edit(func(p *layers.Piece) { p.Delta.Offset = -1 }), "of which 0 of", false},
		"of no length":                 {edit(func(p *layers.Piece) { p.Delta.Length = 0 }), "makes 0 bytes", false},
		"of a length below 0":          {edit(func(p *layers.Piece) { p.Delta.Length = -5 }), "makes -5 bytes", false},
		"longer than the layer":        {edit(func(p *layers.Piece) { p.Delta.Length++ }), "stream makes", false},
		"shorter than it says":         {edit(func(p *layers.Piece) { p.Delta.Length-- }), "delta of", false},
		"without operations":           {edit(func(p *layers.Piece) { p.Delta.Ops = nil }), "delta of", false},
		"of a layer of no size":        {edit(func(p *layers.Piece) { p.Size = 0 }), "of 0 bytes", false},
		"of a layer that is too large": {edit(func(p *layers.Piece) { p.Size = 1 << 60 }), "needs", false},
		"of a shorter layer":           {edit(func(p *layers.Piece) { p.Size-- }), "stream makes", false},
		"of a longer layer":            {edit(func(p *layers.Piece) { p.Size++ }), "short", true},
		"twice":                        {func(sent chunks) chunks { return append(sent, sent...) }, "goes on after the last", true},
		"after bytes of the blob":      {func(sent chunks) chunks { return append(chunks{next.chunk(0, 10)}, sent...) }, "changes what it sends", false},
		"and then the blob": {func(sent chunks) chunks {
			sent[0].Size++
			return append(sent, next.chunk(0, 10))
		}, "changes what it sends", true},
		"ending early": {func(chunks) chunks { return nil }, "1 layer short", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCached(t, 0)
			rebuild(t, c, base, time.Now())
			sent := batches(t, next, 0, base)
			if len(sent) != 1 {
				t.Fatalf("%d batches", len(sent))
			}
			_, _, err := receiveDelta(t, c, test.bend(sent), base, next)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
			rebuild := (*layers.RebuildError)(nil)
			if errors.As(err, &rebuild) == test.plain {
				t.Errorf("%T: %v", err, err)
			}
			if !test.plain && (rebuild.Layer != next.Layer || c.Cache.Rebuilt(next.DiffID) != 0) {
				t.Errorf("%d bytes of %v stay", c.Cache.Rebuilt(next.DiffID), rebuild.Layer)
			}
			if got, err := os.ReadFile(filepath.Join(c.cache, next.DiffID.Hex())); err == nil && !bytes.Equal(got, next.b) {
				t.Errorf("%d other bytes have its name", len(got))
			}
		})
	}
	t.Run("without being asked for", func(t *testing.T) {
		t.Parallel()
		c := newCached(t, 0)
		err := receive(t, c.Spool, batches(t, next, 0, base), []layers.Range{{Layer: next.Layer, Delta: true}}, nil)
		if err == nil || !strings.Contains(err.Error(), "where its blob was asked for") {
			t.Error(err)
		}
		if got := names(t, filepath.Dir(c.cache)); len(got) > 0 {
			t.Errorf("left %q", got)
		}
	})
}

func TestALayerKeepsTheSizeThatItBeganWith(t *testing.T) {
	t.Parallel()
	c := newCached(t, 0)
	seeds := make([]uint64, 40)
	for i := range seeds {
		seeds[i] = uint64(i)
	}
	base, next := tarball(t, 100), tarball(t, seeds...)
	rebuild(t, c, base, time.Now())
	sent := batches(t, next, 0, base)
	if len(sent) < 2 {
		t.Fatalf("%d batches", len(sent))
	}
	sent[1].Size++
	if _, _, err := receiveDelta(t, c, sent, base, next); err == nil || !strings.Contains(err.Error(), "changes what it sends") {
		t.Error(err)
	}
}

func TestAnotherLayerIsNotNamed(t *testing.T) {
	t.Parallel()
	c := newCached(t, 0)
	base, next, other := tarball(t, 1, 2, 3), tarball(t, 1, 4, 3), tarball(t, 1, 5, 3)
	rebuild(t, c, base, time.Now())
	sent := batches(t, other, 0, base)
	for i := range sent {
		sent[i].Digest = next.Digest
	}
	_, _, err := receiveDelta(t, c, sent, base, next)
	if rebuild := (*layers.RebuildError)(nil); !errors.As(err, &rebuild) || fault.ReasonOf(err) != fault.DigestMismatch {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{base.DiffID.Hex()}, names(t, c.cache)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// A blob that comes whole ends the rebuild of its layer.
func TestAWholeBlobDropsARebuild(t *testing.T) {
	t.Parallel()
	c := newCached(t, 0)
	base, next := tarball(t, 1, 2, 3), tarball(t, 1, 4, 3)
	rebuild(t, c, base, time.Now())
	if err := os.WriteFile(filepath.Join(c.cache, next.DiffID.Hex()+".part"), next.b[:1000], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := receiveDelta(t, c, chunks{next.chunk(0, len(next.b))}, base, next); err != nil {
		t.Fatal(err)
	}
	if !c.Has(next.Digest) || c.Cache.Rebuilt(next.DiffID) != 0 {
		t.Error("the rebuild is still there")
	}
}

// FuzzARebuildIsTheLayerOrAnError sends batches of any bytes, after which the layer is
// exact or it is an error.
func FuzzARebuildIsTheLayerOrAnError(f *testing.F) {
	base, next := tarball(f, 1, 2, 3), tarball(f, 1, 4, 3)
	sent := batches(f, next, 0, base)
	good := sent[0].Delta
	f.Add(good.Offset, good.Length, int64(len(next.b)), good.Ops)
	f.Add(good.Offset+1, good.Length, int64(len(next.b)), good.Ops)
	f.Add(good.Offset, good.Length, int64(1<<40), good.Ops)
	f.Add(good.Offset, int64(-1), int64(len(next.b)), good.Ops[1:])
	f.Add(int64(0), int64(1), int64(1), []byte{})
	f.Fuzz(func(t *testing.T, offset, length, size int64, ops []byte) {
		c := newCached(t, 1<<20)
		rebuild(t, c, base, time.Now())
		whole, _, err := receiveDelta(t, c, chunks{{Digest: next.Digest, Delta: &delta.Batch{Offset: offset, Length: length, Ops: ops}, Size: size}}, base, next)
		got, missing := os.ReadFile(filepath.Join(c.cache, next.DiffID.Hex()))
		if exact := missing == nil && bytes.Equal(got, next.b); exact != (err == nil) || exact != (len(whole) == 1) || !exact && missing == nil {
			t.Errorf("%d bytes (%v), %v", len(got), missing, err)
		}
		if n := c.Cache.Rebuilt(next.DiffID); n > 1<<20 {
			t.Errorf("%d bytes were made", n)
		}
	})
}
