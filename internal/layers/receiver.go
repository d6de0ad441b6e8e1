package layers

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// receiver takes what a [Source] sends into a spool and its cache. The sender is not
// trusted: a piece out of turn ends it.
type receiver struct {
	spool    *Spool
	ranges   []Range
	hooks    Hooks
	rebuilds rebuilds

	now   *Writer // of the layer that is under way
	delta bool    // it comes as deltas
}

// Hooks are called while a stream is received, on its goroutine.
type Hooks struct {
	// Room is called before a blob is begun or continued; it returns nil once need
	// more bytes fit, else DISK_FULL.
	Room func(ctx context.Context, l artifact.Layer, need int64) error
	// RoomToRebuild is as Room, for the tar in the cache of a layer that comes as deltas.
	RoomToRebuild func(ctx context.Context, l artifact.Layer, need int64) error
	// Received is called with each piece, and with the time that it took to write it or
	// to apply it.
	Received func(p Piece, took time.Duration)
	// Whole is called when a layer is whole, verified and durable: its blob in the
	// spool, or what it unpacks to in the cache.
	Whole func(artifact.Layer)
}

// Receive streams the ranges from src into the spool, or into its cache what comes as
// deltas. When it fails, what came is kept and [Spool.Missing] returns what is left;
// [RebuildError] if deltas did not make a layer.
func Receive(ctx context.Context, spool *Spool, src Source, repo artifact.Repository, ranges []Range, bases *Bases, hooks Hooks) error {
	r := &receiver{spool: spool, hooks: hooks, rebuilds: rebuilds{cache: spool.Cache, began: map[artifact.Digest]*Writer{}}}
	defer r.close()
	defer r.rebuilds.close()
	if bases != nil {
		r.rebuilds.applier = delta.NewApplier(bases.tars)
	}
	if err := r.open(ranges, len(bases.IDs()) > 0); err != nil || len(r.ranges) == 0 {
		return err
	}
	if err := src.Stream(ctx, repo, r.ranges, bases.IDs(), func(p Piece) error { return r.take(ctx, p) }); err != nil {
		return err
	}
	return r.done()
}

// open sets the ranges to ask for. A kill between a layer's last byte and its name
// leaves nothing to ask for.
func (r *receiver) open(ranges []Range, bases bool) error {
	var open []Range
	for _, want := range ranges {
		want.Delta = want.Delta && bases
		if want.Size() > 0 {
			open = append(open, want)
			continue
		}
		w, err := r.spool.Writer(want.Layer)
		if err != nil {
			return err
		}
		if err := w.Commit(); err != nil {
			return err
		}
		r.hooks.Whole(want.Layer)
	}
	open, whole, err := r.rebuilds.resume(open)
	for _, l := range whole {
		r.hooks.Whole(l)
	}
	r.ranges = open
	return err
}

// take puts a piece where it belongs.
func (r *receiver) take(ctx context.Context, p Piece) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if len(r.ranges) == 0 {
		return fault.New(fault.DigestMismatch, "stream goes on after the last layer, with %s", p.Digest)
	}
	want, began := r.ranges[0], time.Now()
	if p.Digest != want.Layer.Digest || len(p.Data) == 0 && p.Delta == nil {
		return fault.New(fault.DigestMismatch, "stream has %d bytes of %s where %s was asked for", len(p.Data), p.Digest, want.Layer.Digest)
	}
	size := want.Layer.Size
	if p.Delta != nil {
		if err := r.rebuild(ctx, want, p); err != nil {
			return err
		}
		size = p.Size
		if p.Wire == 0 {
			p.Wire = len(p.Delta.Ops)
		}
	} else {
		if err := r.write(ctx, want, p); err != nil {
			return err
		}
		if p.Wire == 0 {
			p.Wire = len(p.Data)
		}
	}
	if r.now.Offset() < size {
		r.hooks.Received(p, time.Since(began))
		return nil
	}
	w := r.now
	r.now, r.ranges = nil, r.ranges[1:]
	err := w.Commit()
	r.hooks.Received(p, time.Since(began))
	if err != nil && r.delta {
		return &RebuildError{want.Layer, err}
	}
	if err != nil {
		return err
	}
	if !r.delta {
		_ = r.spool.Cache.Discard(want.Layer.DiffID) // it came whole
	}
	r.hooks.Whole(want.Layer)
	return nil
}

// write adds bytes to the blob that is asked for next.
func (r *receiver) write(ctx context.Context, want Range, p Piece) error {
	if r.now == nil {
		if err := r.hooks.Room(ctx, want.Layer, want.Size()); err != nil {
			return err
		}
		w, err := r.spool.Writer(want.Layer)
		if err != nil {
			return err
		}
		r.now, r.delta = w, false
	}
	if r.delta {
		return fault.New(fault.DigestMismatch, "stream changes what it sends of %s", p.Digest)
	}
	if p.Offset != r.now.Offset() {
		return fault.New(fault.DigestMismatch, "stream is at byte %d of %s where byte %d was asked for", p.Offset, p.Digest, r.now.Offset())
	}
	_, err := r.now.Write(p.Data)
	return err
}

// done is called when the source returns that it has sent everything.
func (r *receiver) done() error {
	if len(r.ranges) > 0 {
		return fault.Transient(fault.RegistryUnavailable, "stream ended before %s was whole, %s short", r.ranges[0].Layer.Digest, plain.Count(len(r.ranges), "layer"))
	}
	return nil
}

func (r *receiver) close() {
	if r.now != nil {
		_ = r.now.Close()
	}
}
