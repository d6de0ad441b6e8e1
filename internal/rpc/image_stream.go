package rpc

import (
	"context"
	"errors"
	"io"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

var _ layers.Source = (*Client)(nil)

// Stream asks for ranges and hands on each piece, in the order asked and without
// a gap; its data is valid until each returns. nil means that all of it came. Chunks may
// cross compressed; they are handed on as the blob has them. An agent that knows no
// deltas sends blobs. STALLED when nothing moves for Options.Stall; the time that each
// takes does not count.
func (c *Client) Stream(ctx context.Context, repo artifact.Repository, ranges []layers.Range, bases []artifact.Digest, each func(layers.Piece) error) error {
	if len(ranges) == 0 {
		return nil
	}
	req := &artifactv1.StreamRequest{Repository: repo.String(), Ranges: rangesToProto(ranges), Bases: digestsToProto(bases), Zstd: true}
	ctx, cancel := context.WithCancelCause(ctx)
	stream := c.newRotor(req)
	defer stream.wait()
	defer cancel(nil) // ends the calls wherever this returns
	watch := newStallWatch(c.link, c.opts.Stall, cancel)
	defer watch.stop()
	if err := stream.begin(ctx); err != nil {
		return c.fail(ctx, artifactv1.ImageService_ServiceDesc.ServiceName, err)
	}
	var got chunk
	defer got.free()
	wanted := sequence{ranges: ranges, deltas: len(bases) > 0}
	for {
		watch.start()
		err := stream.receive(ctx, &got)
		watch.stop()
		if errors.Is(err, io.EOF) {
			return wanted.end()
		}
		if err != nil {
			stream.broke()
			return c.fail(ctx, artifactv1.ImageService_ServiceDesc.ServiceName, err)
		}
		wire := len(got.data)
		if err := c.codec.inflate(&got); err != nil {
			return err
		}
		next, err := wanted.take(&got)
		next.Wire = wire
		if err != nil {
			return err
		}
		if err := each(next); err != nil {
			return err
		}
	}
}

// sequence is what a stream must bring next.
type sequence struct {
	ranges []layers.Range
	deltas bool // whether there are bases
	// at is how many bytes of the first range were taken: of its blob or, once size is
	// known, of the unpacked layer.
	at, size int64
}

// take checks a chunk against what is wanted: a receiver that verifies digests would
// notice a wrong chunk later, but not its source.
func (s *sequence) take(c *chunk) (layers.Piece, error) {
	if len(s.ranges) == 0 {
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends more than was asked for")
	}
	if c.delta != nil {
		return s.takeDelta(c)
	}
	r := s.ranges[0]
	offset, n := r.Offset+s.at, int64(len(c.data))
	switch {
	case s.size > 0:
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends a chunk of %.80s in the middle of a delta", c.digest)
	case c.digest != r.Layer.Digest.String() || c.offset != uint64(offset):
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends %.80s from %d where %s from %d comes next",
			c.digest, c.offset, r.Layer.Digest, offset)
	case n == 0 || n > maxChunk || offset+n > r.Layer.Size:
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends a chunk of %d bytes at %d of %d", n, offset, r.Layer.Size)
	}
	s.at += n
	if offset+n == r.Layer.Size {
		s.next()
	}
	return layers.Piece{Digest: r.Layer.Digest, Offset: offset, Data: c.data}, nil
}

// takeDelta is take for a piece of the unpacked layer.
func (s *sequence) takeDelta(c *chunk) (layers.Piece, error) {
	r, d := s.ranges[0], c.delta
	offset := r.Rebuilt + s.at
	switch {
	case !r.Delta || !s.deltas:
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends a delta of %.80s that was not asked for", c.digest)
	case s.size == 0 && s.at > 0:
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends a delta in the middle of %.80s", c.digest)
	case c.digest != r.Layer.Digest.String() || d.offset != uint64(offset):
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends a delta of %.80s from %d where %s from %d comes next",
			c.digest, d.offset, r.Layer.Digest, offset)
	case d.size == 0 || d.size > maxSize || s.size > 0 && d.size != uint64(s.size):
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends a delta of %d bytes in all, after %d", d.size, s.size)
	case d.length == 0 || d.length > delta.MaxLength || d.offset > d.size || d.length > d.size-d.offset || len(c.data) == 0 || len(c.data) > delta.MaxBatch:
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends a delta of %d bytes that makes %d at %d of %d", len(c.data), d.length, d.offset, d.size)
	}
	length := int64(d.length)
	s.at, s.size = s.at+length, int64(d.size)
	if offset+length == s.size {
		s.next()
	}
	return layers.Piece{
		Digest: r.Layer.Digest, Delta: &delta.Batch{Offset: offset, Length: length, Ops: c.data}, Size: int64(d.size),
	}, nil
}

// next goes on to the range after this.
func (s *sequence) next() { s.ranges, s.at, s.size = s.ranges[1:], 0, 0 }

// end checks that nothing is missing: a stream that only stops is not complete.
func (s *sequence) end() error {
	if len(s.ranges) == 0 {
		return nil
	}
	r := s.ranges[0]
	at, size := r.Offset+s.at, r.Layer.Size
	if s.size > 0 {
		at, size = r.Rebuilt+s.at, s.size
	}
	return fault.Transient(fault.HostUnreachable, "the agent ended the stream at %d of %d bytes of %s, %d layers early",
		at, size, r.Layer.Digest, len(s.ranges))
}

func rangesToProto(ranges []layers.Range) (list []*artifactv1.Range) {
	for _, r := range ranges {
		m := &artifactv1.Range{Digest: r.Layer.Digest.String(), Size: uint64(r.Layer.Size), Offset: uint64(r.Offset)}
		if r.Delta {
			m.DiffId, m.Rebuilt = r.Layer.DiffID.String(), uint64(r.Rebuilt)
		}
		list = append(list, m)
	}
	return list
}

func digestsToProto(list []artifact.Digest) (out []string) {
	for _, d := range list {
		out = append(out, d.String())
	}
	return out
}
