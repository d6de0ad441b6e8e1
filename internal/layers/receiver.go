package layers

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// receiver takes what a [Source] sends into a spool. The sender is not trusted:
// a chunk that is not the next one ends it.
type receiver struct {
	spool  *Spool
	ranges []Range
	hooks  Hooks
	now    *Writer
}

// Hooks are called while a stream is received, on its goroutine.
type Hooks struct {
	// Room is called before a blob is begun or continued; it returns once that
	// many more bytes of it fit, or DISK_FULL.
	Room func(ctx context.Context, l artifact.Layer, need int64) error
	// Received is called with the size of each chunk.
	Received func(bytes int)
	// Whole is called when a blob is whole, verified and durable.
	Whole func(artifact.Layer)
}

// Receive streams the ranges from src into the spool. When it fails, what came is
// kept and [Spool.Missing] tells what is left.
func Receive(ctx context.Context, spool *Spool, src Source, repo artifact.Repository, ranges []Range, hooks Hooks) error {
	// A kill between a blob's last byte and its name leaves nothing to ask for.
	var open []Range
	for _, want := range ranges {
		if want.Size() > 0 {
			open = append(open, want)
			continue
		}
		w, err := spool.Writer(want.Layer)
		if err != nil {
			return err
		}
		if err := w.Commit(); err != nil {
			return err
		}
		hooks.Whole(want.Layer)
	}
	if len(open) == 0 {
		return nil
	}
	ranges = open
	r := &receiver{spool: spool, ranges: ranges, hooks: hooks}
	defer r.close()
	if err := src.Stream(ctx, repo, ranges, nil, func(c Piece) error { return r.take(ctx, c) }); err != nil {
		return err
	}
	return r.done()
}

// take puts one piece where it belongs.
func (r *receiver) take(ctx context.Context, c Piece) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if len(r.ranges) == 0 {
		return fault.New(fault.DigestMismatch, "stream goes on after the last layer, with %s", c.Digest)
	}
	want := r.ranges[0]
	if c.Delta != nil {
		return fault.New(fault.DigestMismatch, "stream has a delta of %s where its blob was asked for", c.Digest)
	}
	if c.Digest != want.Layer.Digest || len(c.Data) == 0 {
		return fault.New(fault.DigestMismatch, "stream has %d bytes of %s where %s was asked for", len(c.Data), c.Digest, want.Layer.Digest)
	}
	if r.now == nil {
		if err := r.hooks.Room(ctx, want.Layer, want.Size()); err != nil {
			return err
		}
		w, err := r.spool.Writer(want.Layer)
		if err != nil {
			return err
		}
		r.now = w
	}
	if c.Offset != r.now.Offset() {
		return fault.New(fault.DigestMismatch, "stream is at byte %d of %s where byte %d was asked for", c.Offset, c.Digest, r.now.Offset())
	}
	if _, err := r.now.Write(c.Data); err != nil {
		return err
	}
	r.hooks.Received(len(c.Data))
	if r.now.Offset() < want.Layer.Size {
		return nil
	}
	w := r.now
	r.now, r.ranges = nil, r.ranges[1:]
	if err := w.Commit(); err != nil {
		return err
	}
	r.hooks.Whole(want.Layer)
	return nil
}

// done is asked when the source says that it has sent everything.
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
