package rpc

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
)

// chunk is a StreamResponse that is not copied: its data stays in the pooled buffer
// that the registry was read into, or that the connection was. The holder of a chunk
// calls free once.
//
// A test holds it against the generated message, byte by byte, both ways.
type chunk struct {
	digest   string
	offset   uint64
	encoding artifactv1.Encoding
	// data is that of a blob or, with delta, the operations.
	data  []byte
	delta *deltaHead
	next  uint32
	buf   mem.Buffer
}

// deltaHead is a Delta without its operations.
type deltaHead struct{ offset, length, size uint64 }

// Field numbers of StreamResponse, and of Delta.
const (
	fieldDigest   protowire.Number = 1
	fieldOffset   protowire.Number = 2
	fieldData     protowire.Number = 3
	fieldEncoding protowire.Number = 4
	fieldDelta    protowire.Number = 5
	fieldNext     protowire.Number = 6

	fieldDeltaOffset protowire.Number = 1
	fieldDeltaLength protowire.Number = 2
	fieldDeltaOps    protowire.Number = 3
	fieldDeltaSize   protowire.Number = 4
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
	pool     freeList // of the chunks that are received
	inflater *zstd.Decoder
}

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name), newFreeList(), newInflater()} }

// Name returns the name of the encoding, which is the same for messages and chunks.
func (codec) Name() string { return proto.Name }

// Marshal refers to a chunk's buffer; gRPC frees the reference once it is written.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	ch, ok := v.(*chunk)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	head, tail := ch.around()
	parts := mem.BufferSlice{mem.SliceBuffer(head)}
	if len(ch.data) > 0 {
		ch.buf.Ref()
		parts = append(parts, ch.buf)
	}
	if len(tail) > 0 {
		parts = append(parts, mem.SliceBuffer(tail))
	}
	return parts, nil
}

// around returns the bytes before the data of a chunk on the wire, and the bytes after it.
// Proto3 leaves zero values out.
func (c *chunk) around() (head, tail []byte) {
	head = make([]byte, 0, 128)
	if c.digest != "" {
		head = protowire.AppendTag(head, fieldDigest, protowire.BytesType)
		head = protowire.AppendString(head, c.digest)
	}
	head = appendNumber(head, fieldOffset, c.offset)
	if c.delta == nil {
		tail = appendNumber(nil, fieldEncoding, uint64(c.encoding))
		return appendLength(head, fieldData, c.data), appendNumber(tail, fieldNext, uint64(c.next))
	}
	head = appendNumber(head, fieldEncoding, uint64(c.encoding))
	inner := appendNumber(nil, fieldDeltaOffset, c.delta.offset)
	inner = appendNumber(inner, fieldDeltaLength, c.delta.length)
	inner = appendLength(inner, fieldDeltaOps, c.data)
	tail = appendNumber(nil, fieldDeltaSize, c.delta.size)
	head = protowire.AppendTag(head, fieldDelta, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(inner)+len(c.data)+len(tail)))
	return append(head, inner...), appendNumber(tail, fieldNext, uint64(c.next))
}

func appendNumber(b []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

// appendLength appends the tag and the length that come before data; nothing if it is empty.
func appendLength(b []byte, field protowire.Number, data []byte) []byte {
	if len(data) == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(len(data)))
}

// Unmarshal joins a chunk's frames in a pooled buffer and points into it.
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
// over and the last of a repeated field holds. What a message has besides a delta is
// not read: see the contract.
func (c *chunk) parse(b []byte) error {
	var data, ops []byte
	err := eachField(b, func(number protowire.Number, kind protowire.Type, b []byte) (n int) {
		switch {
		case number == fieldDigest && kind == protowire.BytesType:
			c.digest, n = protowire.ConsumeString(b)
		case number == fieldOffset && kind == protowire.VarintType:
			c.offset, n = protowire.ConsumeVarint(b)
		case number == fieldData && kind == protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		case number == fieldEncoding && kind == protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			c.encoding = artifactv1.Encoding(v)
		case number == fieldNext && kind == protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			c.next = uint32(v)
		case number == fieldDelta && kind == protowire.BytesType:
			var inner []byte
			if inner, n = protowire.ConsumeBytes(b); n < 0 {
				return n
			}
			if c.delta == nil {
				c.delta = &deltaHead{}
			}
			if err := c.delta.parse(inner, &ops); err != nil { // again: the rest is kept
				return unreadable
			}
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		return n
	})
	if c.data = data; c.delta != nil {
		c.data = ops
	}
	return err
}

// parse reads a Delta over what an earlier Delta of the same message left, as generated code does.
func (d *deltaHead) parse(b []byte, ops *[]byte) error {
	return eachField(b, func(number protowire.Number, kind protowire.Type, b []byte) (n int) {
		switch {
		case number == fieldDeltaOffset && kind == protowire.VarintType:
			d.offset, n = protowire.ConsumeVarint(b)
		case number == fieldDeltaLength && kind == protowire.VarintType:
			d.length, n = protowire.ConsumeVarint(b)
		case number == fieldDeltaOps && kind == protowire.BytesType:
			*ops, n = protowire.ConsumeBytes(b)
		case number == fieldDeltaSize && kind == protowire.VarintType:
			d.size, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		return n
	})
}

// unreadable is what consuming a value returns for a value that is none; see [protowire.ParseError].
const unreadable = -1

// eachField calls consume with each field of a message and what follows its tag; it
// returns how many bytes the field's value has.
func eachField(b []byte, consume func(protowire.Number, protowire.Type, []byte) int) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n >= 0 {
			b = b[n:]
			n = consume(number, kind, b)
		}
		if n < 0 {
			return fmt.Errorf("chunk: %w", protowire.ParseError(n))
		}
		b = b[n:]
	}
	return nil
}
