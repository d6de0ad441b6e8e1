package layers

import (
	"context"
	"errors"
	"math"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Bases are tars of the cache that are held open: they stay readable when the cache drops
// them.
type Bases struct {
	ids   []artifact.Digest
	files []*os.File
	tars  []delta.Base
}

// Hold opens the tars with these diff ids, and leaves out those that it cannot open.
func (c *Cache) Hold(diffIDs []artifact.Digest) *Bases {
	b := &Bases{}
	for _, d := range diffIDs {
		f, err := c.Open(d)
		if err != nil {
			continue
		}
		info, err := f.Stat()
		if err != nil {
			_ = f.Close()
			continue
		}
		b.ids, b.files, b.tars = append(b.ids, d), append(b.files, f), append(b.tars, delta.Base{Bytes: f, Size: info.Size()})
	}
	return b
}

// IDs returns the diff ids, in the order in which deltas name the bases; none for nil.
func (b *Bases) IDs() []artifact.Digest {
	if b == nil {
		return nil
	}
	return b.ids
}

// Close ends the reading of the bases.
func (b *Bases) Close() {
	for _, f := range b.files {
		_ = f.Close()
	}
}

// RebuildError is the failure to rebuild a layer from deltas. Its unfinished tar is dropped.
// The layer's blob may still come whole.
type RebuildError struct {
	Layer artifact.Layer
	Err   error
}

func (e *RebuildError) Error() string { return "rebuild layer: " + e.Err.Error() }
func (e *RebuildError) Unwrap() error { return e.Err }

// rebuilds are the layers that come as deltas.
type rebuilds struct {
	cache   *Cache
	applier *delta.Applier
	// began are those that an earlier stream began, by diff id.
	began map[artifact.Digest]*Writer
}

// resume reads what there is of the layers that may come as deltas, and sets the offsets
// at which they go on. It returns those that are whole by now: a kill between a layer's
// last byte and its name leaves nothing to ask for.
func (r *rebuilds) resume(ranges []Range) (left []Range, whole []artifact.Layer, err error) {
	for _, want := range ranges {
		want.Rebuilt = 0
		id := want.Layer.DiffID
		if want.Delta && r.began[id] == nil && r.cache.Rebuilt(id) > 0 {
			w, err := r.cache.Writer(id, math.MaxInt64)
			if err != nil {
				return nil, nil, &RebuildError{want.Layer, err}
			}
			if w.sum() == id {
				w.size = w.offset
				if err := w.Commit(); err != nil {
					return nil, nil, &RebuildError{want.Layer, err}
				}
				whole = append(whole, want.Layer)
				continue
			}
			r.began[id], want.Rebuilt = w, w.Offset()
		}
		left = append(left, want)
	}
	return left, whole, nil
}

// writer opens the layer's rebuild, to have size bytes.
func (r *rebuilds) writer(l artifact.Layer, size int64) (*Writer, error) {
	w := r.began[l.DiffID]
	if w == nil {
		return r.cache.Writer(l.DiffID, size)
	}
	delete(r.began, l.DiffID)
	if w.size = size; w.Offset() > size {
		return nil, errors.Join(fault.New(fault.DigestMismatch, "%s has %d bytes here and %d at the agent", w.what, w.Offset(), size), w.Close())
	}
	return w, nil
}

func (r *rebuilds) close() {
	for _, w := range r.began {
		_ = w.Close()
	}
}

// rebuild applies a batch of the layer that is asked for next.
func (r *receiver) rebuild(ctx context.Context, want Range, p Piece) error {
	if err := r.apply(ctx, want, p); err != nil {
		if r.now != nil {
			r.close()
			r.now = nil
		}
		return &RebuildError{want.Layer, errors.Join(err, r.spool.Cache.Discard(want.Layer.DiffID))}
	}
	return nil
}

func (r *receiver) apply(ctx context.Context, want Range, p Piece) error {
	b := p.Delta
	if !want.Delta {
		return fault.New(fault.DigestMismatch, "stream has a delta of %s where its blob was asked for", p.Digest)
	}
	if r.now == nil {
		if p.Size <= 0 {
			return fault.New(fault.DigestMismatch, "stream has a layer %s of %d bytes", p.Digest, p.Size)
		}
		if err := r.hooks.RoomToRebuild(ctx, want.Layer, p.Size-want.Rebuilt); err != nil {
			return err
		}
		w, err := r.rebuilds.writer(want.Layer, p.Size)
		if err != nil {
			return err
		}
		r.now, r.delta = w, true
	}
	w := r.now
	if !r.delta || p.Size != w.size {
		return fault.New(fault.DigestMismatch, "stream changes what it sends of %s", p.Digest)
	}
	if b.Offset != w.Offset() || b.Length <= 0 || b.Length > w.size-w.Offset() {
		return fault.New(fault.DigestMismatch, "stream makes %d bytes at %d of %s, of which %d of %d are here", b.Length, b.Offset, p.Digest, w.Offset(), w.size)
	}
	if err := r.rebuilds.applier.Apply(*b, w); err != nil {
		if fault.ReasonOf(err) == fault.DiskFull {
			return err
		}
		return fault.New(fault.DigestMismatch, "delta of %s at byte %d: %w", p.Digest, b.Offset, err)
	}
	return nil
}
