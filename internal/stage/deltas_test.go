package stage_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// deltas is a source that sends deltas, as an agent does that has the layers of all of these
// products.
type deltas struct {
	*source
	tars map[artifact.Digest]delta.Tar
	// bases are those of the last stream, batches what it made.
	bases   []artifact.Digest
	batches int
	// bendDelta may change a piece before it is sent.
	bendDelta func(p layers.Piece, send func(layers.Piece) error) error
}

func newDeltas(tb testing.TB, of product, others ...product) *deltas {
	tb.Helper()
	d := &deltas{source: of.source(), tars: map[artifact.Digest]delta.Tar{}}
	for _, p := range append(others, of) {
		for _, l := range p.Layers {
			content := unpackBlob(tb, p.blobs[l.Digest])
			x := delta.NewIndexer()
			if _, err := x.Write(content); err != nil {
				tb.Fatal(err)
			}
			index, err := x.Close()
			if err != nil {
				tb.Fatal(err)
			}
			d.tars[l.DiffID] = delta.Tar{Index: index, Bytes: bytes.NewReader(content)}
		}
	}
	return d
}

func unpackBlob(tb testing.TB, blob []byte) []byte {
	tb.Helper()
	if r, err := gzip.NewReader(bytes.NewReader(blob)); err == nil {
		content, err := io.ReadAll(r)
		if err != nil {
			tb.Fatal(err)
		}
		return content
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer d.Close()
	if content, err := d.DecodeAll(blob, nil); err == nil {
		return content
	}
	return blob
}

func (d *deltas) Stream(ctx context.Context, repo artifact.Repository, ranges []layers.Range, bases []artifact.Digest, each func(layers.Piece) error) error {
	d.bases, d.batches = bases, 0
	asked := len(d.asked)
	for i, want := range ranges {
		if !want.Delta || len(bases) == 0 {
			if err := d.source.Stream(ctx, repo, ranges[i:i+1], nil, each); err != nil {
				return err
			}
			continue
		}
		if err := d.encode(ctx, want, bases, each); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked[:asked], ranges)
	return nil
}

func (d *deltas) encode(ctx context.Context, want layers.Range, bases []artifact.Digest, each func(layers.Piece) error) error {
	var list []delta.Tar
	for _, b := range bases {
		t, ok := d.tars[b]
		if !ok {
			t = delta.Tar{Index: new(delta.Index), Bytes: bytes.NewReader(nil)}
		}
		list = append(list, t)
	}
	target := d.tars[want.Layer.DiffID]
	send := func(p layers.Piece) error {
		if err := each(p); err != nil {
			return fmt.Errorf("stream: %w", err)
		}
		d.batches++
		d.mu.Lock()
		defer d.mu.Unlock()
		d.bytes += int64(len(p.Delta.Ops))
		return nil
	}
	return delta.Encode(ctx, target, list, want.Rebuilt, func(b delta.Batch) error {
		p := layers.Piece{Digest: want.Layer.Digest, Delta: &b, Size: target.Index.Size()}
		if d.bendDelta != nil {
			return d.bendDelta(p, send)
		}
		return send(p)
	})
}
