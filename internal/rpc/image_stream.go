package rpc

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

var _ layers.Source = (*Client)(nil)

// Stream asks for ranges and hands on each chunk, in the order asked and without
// a gap; its data is valid until each returns. nil means that all of it came.
// STALLED when nothing moves for Options.Stall; the time that each takes does not
// count.
func (c *Client) Stream(ctx context.Context, repo artifact.Repository, ranges []layers.Range, bases []artifact.Digest, each func(layers.Piece) error) error {
	if len(ranges) == 0 {
		return nil
	}
	req := &artifactv1.StreamRequest{Repository: repo.String()}
	for _, r := range ranges {
		req.Ranges = append(req.Ranges, rangeToProto(r))
	}
	for _, d := range bases {
		req.Bases = append(req.Bases, d.String())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // ends the call wherever this returns
	watch := newStallWatch(c.link, c.opts.Stall, cancel)
	defer watch.stop()
	stream, err := c.images.Stream(ctx, req, grpc.ForceCodecV2(c.codec), grpc.MaxCallRecvMsgSize(maxChunk+1<<10))
	if err != nil {
		return c.fail(ctx, artifactv1.ImageService_ServiceDesc.ServiceName, err)
	}
	var got chunk
	defer got.free()
	wanted := sequence{ranges: ranges}
	for {
		watch.start()
		err := stream.RecvMsg(&got)
		watch.stop()
		if errors.Is(err, io.EOF) {
			return wanted.end()
		}
		if err != nil {
			return c.fail(ctx, artifactv1.ImageService_ServiceDesc.ServiceName, err)
		}
		next, err := wanted.take(&got)
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
	at     int64 // bytes of the first range that were taken
}

// take checks a chunk against what is wanted: a receiver that verifies digests
// would notice a wrong one later, but not where it came from.
func (s *sequence) take(c *chunk) (layers.Piece, error) {
	if len(s.ranges) == 0 {
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends more than was asked for")
	}
	r := s.ranges[0]
	offset, n := r.Offset+s.at, int64(len(c.data))
	switch {
	case c.digest != r.Layer.Digest.String() || c.offset != uint64(offset):
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends %.80s from %d where %s from %d comes next",
			c.digest, c.offset, r.Layer.Digest, offset)
	case n == 0 || n > maxChunk || offset+n > r.Layer.Size:
		return layers.Piece{}, fault.New(fault.Internal, "the agent sends a chunk of %d bytes at %d of %d", n, offset, r.Layer.Size)
	}
	s.at += n
	if offset+n == r.Layer.Size {
		s.ranges, s.at = s.ranges[1:], 0
	}
	return layers.Piece{Digest: r.Layer.Digest, Offset: offset, Data: c.data}, nil
}

// end checks that nothing is missing: a stream that only stops is not complete.
func (s *sequence) end() error {
	if len(s.ranges) > 0 {
		return fault.Transient(fault.HostUnreachable, "the agent ended the stream at %d of %d bytes of %s, %d layers early",
			s.ranges[0].Offset+s.at, s.ranges[0].Layer.Size, s.ranges[0].Layer.Digest, len(s.ranges))
	}
	return nil
}

func rangeToProto(r layers.Range) *artifactv1.Range {
	m := &artifactv1.Range{Digest: r.Layer.Digest.String(), Size: uint64(r.Layer.Size), Offset: uint64(r.Offset)}
	if r.Delta {
		m.DiffId, m.Rebuilt = r.Layer.DiffID.String(), uint64(r.Rebuilt)
	}
	return m
}
