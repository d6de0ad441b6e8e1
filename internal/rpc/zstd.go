package rpc

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/mem"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// squeezer compresses chunks, each for itself. It holds two encoders at most, however
// many streams there are.
type squeezer struct {
	enc  *zstd.Encoder
	pool freeList
}

func newSqueezer(pool freeList) *squeezer {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(chunkSize), zstd.WithLowerEncoderMem(true), zstd.WithSingleSegment(true),
		zstd.WithEncoderCRC(false)) // the blob is hashed
	if err != nil {
		panic(err) // for options that are not possible
	}
	return &squeezer{enc, pool}
}

// squeeze replaces the data of a chunk by a frame of it if that is smaller.
func (s *squeezer) squeeze(c *chunk) {
	raw := s.pool.Get(bufferSize)
	frame := s.enc.EncodeAll(c.data, (*raw)[:0])
	if len(frame) >= len(c.data) {
		s.pool.Put(raw)
		return
	}
	*raw = frame
	c.buf.Free()
	c.data, c.buf, c.encoding = frame, mem.NewBuffer(raw, s.pool), artifactv1.Encoding_ENCODING_ZSTD
}

// newInflater reads frames of at most maxChunk bytes, which hold no more than that.
func newInflater() *zstd.Decoder {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxChunk), zstd.WithDecoderMaxWindow(maxChunk))
	if err != nil {
		panic(err) // for options that are not possible
	}
	return dec
}

// inflate replaces the frame of a chunk by its content: a single frame, whose header
// names how much it holds.
func (c codec) inflate(ch *chunk) error {
	switch {
	case ch.encoding == artifactv1.Encoding_ENCODING_UNSPECIFIED:
		return nil
	case ch.encoding != artifactv1.Encoding_ENCODING_ZSTD || ch.delta != nil:
		return fault.New(fault.Internal, "the agent sends a chunk in encoding %d", ch.encoding)
	}
	var h zstd.Header
	if err := h.Decode(ch.data); err != nil || h.FrameContentSize == 0 || h.FrameContentSize > maxChunk {
		return fault.New(fault.Internal, "the agent sends a frame of %d bytes that is not one of 1 to %d bytes", len(ch.data), maxChunk)
	}
	raw := c.pool.Get(int(h.FrameContentSize))
	content, err := c.inflater.DecodeAll(ch.data, (*raw)[:0])
	if err == nil && uint64(len(content)) != h.FrameContentSize {
		err = fmt.Errorf("it holds %d bytes", len(content))
	}
	if err != nil {
		c.pool.Put(raw)
		return fault.New(fault.Internal, "the agent sends a frame of %d bytes that is not what its header names: %w", h.FrameContentSize, err)
	}
	*raw = content
	ch.buf.Free()
	ch.data, ch.buf, ch.encoding = content, mem.NewBuffer(raw, c.pool), artifactv1.Encoding_ENCODING_UNSPECIFIED
	return nil
}
