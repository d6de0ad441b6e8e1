package rpc

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// chunk is a StreamResponse that is not copied: its data stays in the pooled
// buffer that the registry was read into, or that the connection was. Whoever
// has a chunk calls free once.
//
// A test holds it against the generated message, byte by byte, both ways.
type chunk struct {
	digest string
	offset uint64
	data   []byte
	buf    mem.Buffer
}

// Field numbers of StreamResponse.
const (
	fieldDigest protowire.Number = 1
	fieldOffset protowire.Number = 2
	fieldData   protowire.Number = 3
)

func (c *chunk) free() {
	if c.buf != nil {
		c.buf.Free()
	}
	*c = chunk{}
}

// codec is gRPC's codec for messages and ours for chunks. The bytes on the wire
// are protobuf either way.
type codec struct {
	encoding.CodecV2
	pool freeList // of the chunks that are received
}

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name), newFreeList()} }

// Name is that of the encoding, which both produce.
func (codec) Name() string { return proto.Name }

// Marshal refers to a chunk's buffer; gRPC frees the reference once it is written.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	ch, ok := v.(*chunk)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	head := make([]byte, 0, 128)
	if ch.digest != "" { // proto3 leaves zero values out
		head = protowire.AppendTag(head, fieldDigest, protowire.BytesType)
		head = protowire.AppendString(head, ch.digest)
	}
	if ch.offset != 0 {
		head = protowire.AppendTag(head, fieldOffset, protowire.VarintType)
		head = protowire.AppendVarint(head, ch.offset)
	}
	head = protowire.AppendTag(head, fieldData, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(ch.data)))
	ch.buf.Ref()
	return mem.BufferSlice{mem.SliceBuffer(head), ch.buf}, nil
}

// Unmarshal joins a chunk's frames in one pooled buffer and points into it.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	ch, ok := v.(*chunk)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	ch.free()
	buf := data.MaterializeToBuffer(c.pool)
	if err := ch.parse(buf.ReadOnlyData()); err != nil {
		buf.Free()
		return err
	}
	ch.buf = buf
	return nil
}

// parse reads the wire format as generated code does: unknown fields are passed
// over and the last of a repeated field holds.
func (c *chunk) parse(b []byte) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("chunk: %w", protowire.ParseError(n))
		}
		b = b[n:]
		switch {
		case number == fieldDigest && kind == protowire.BytesType:
			c.digest, n = protowire.ConsumeString(b)
		case number == fieldOffset && kind == protowire.VarintType:
			c.offset, n = protowire.ConsumeVarint(b)
		case number == fieldData && kind == protowire.BytesType:
			c.data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return fmt.Errorf("chunk: %w", protowire.ParseError(n))
		}
		b = b[n:]
	}
	return nil
}
