package delta

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/chunks"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/tarblock"
)

// block is the unit of a tar: headers have whole blocks, payloads are padded to them.
const block = tarblock.Size

// Index describes a tar: where each member is and what it hashes to. It holds no
// path and no content. The zero Index is that of no bytes.
type Index struct {
	size    int64
	members []member
	// chunks are those of all members that are cut into some, in order.
	chunks []chunks.Chunk
}

// member is a run of header blocks and the payload behind it, padding included.
// The last member of a tar may be without a header: what is behind all others.
type member struct {
	offset  int64 // of the header run in the tar
	size    int64 // of the payload
	path    uint64
	head    sum8
	body    chunks.Sum
	folded  uint32 // of the path without its numbers
	tail    uint32 // of its last two elements without their numbers
	name    uint32 // of its last element without its numbers
	header  uint32 // bytes of the header run
	chunked uint32 // its first chunk in Index.chunks
}

type sum8 [8]byte

func (m *member) payload() int64 { return m.offset + int64(m.header) }
func (m *member) end() int64     { return m.payload() + m.size }

// cuts returns the first chunk of member i, and the chunk after its last.
func (x *Index) cuts(i int) (from, to int) {
	to = len(x.chunks)
	if i+1 < len(x.members) {
		to = int(x.members[i+1].chunked)
	}
	return int(x.members[i].chunked), to
}

// Size is the bytes of the tar.
func (x *Index) Size() int64 { return x.size }

// format is the first byte of a marshalled index. Another format, or another way
// to cut or to hash, has another number.
const format = 1

// MarshalBinary implements [encoding.BinaryMarshaler]. What it returns begins with
// a version of the format and ends with a checksum.
func (x *Index) MarshalBinary() ([]byte, error) {
	b := []byte{format}
	b = binary.AppendUvarint(b, uint64(len(x.members)))
	b = binary.AppendUvarint(b, uint64(len(x.chunks)))
	for i := range x.members {
		m := &x.members[i]
		from, to := x.cuts(i)
		b = binary.AppendUvarint(b, uint64(m.header/block))
		b = binary.AppendUvarint(b, uint64(m.size))
		b = binary.AppendUvarint(b, uint64(to-from))
		b = append(b, m.head[:]...)
		b = append(b, m.body[:]...)
		b = binary.LittleEndian.AppendUint64(b, m.path)
		b = binary.LittleEndian.AppendUint32(b, m.folded)
		b = binary.LittleEndian.AppendUint32(b, m.tail)
		b = binary.LittleEndian.AppendUint32(b, m.name)
	}
	for _, c := range x.chunks {
		b = append(b, c.Sum[:]...)
		b = binary.AppendUvarint(b, uint64(c.Size))
	}
	b = binary.LittleEndian.AppendUint32(b, checksum(b))
	if len(b) > MaxIndex {
		return nil, ErrTooLarge
	}
	return b, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// The fewest bytes that a member and a chunk have when they are marshalled.
const (
	leastMember = 3 + 8 + 16 + 8 + 3*4
	leastChunk  = 16 + 1
)

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]. Bytes that are not what
// MarshalBinary returns are ErrCorrupt, and x stays as it is. It holds no more than
// about twice the bytes that it is given.
func (x *Index) UnmarshalBinary(b []byte) error {
	if len(b) < 1+4 || len(b) > MaxIndex {
		return fmt.Errorf("%w: an index of %d bytes", ErrCorrupt, len(b))
	}
	body, want := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if body[0] != format {
		return fmt.Errorf("%w: an index of format %d", ErrCorrupt, body[0])
	}
	if checksum(body) != want {
		return fmt.Errorf("%w: the checksum of the index is wrong", ErrCorrupt)
	}
	r := reader{b: body[1:]}
	members, cuts := r.length(leastMember), r.length(leastChunk)
	if r.bad || members*leastMember+cuts*leastChunk > len(r.b) {
		return fmt.Errorf("%w: an index of %d bytes has %d members and %d chunks", ErrCorrupt, len(b), members, cuts)
	}
	next := Index{members: make([]member, members), chunks: make([]chunks.Chunk, cuts)}
	counts := make([]int, members)
	total := 0
	for i := range next.members {
		m := &next.members[i]
		header, size, n := r.uvarint(), r.uvarint(), r.uvarint()
		if header > maxRun/block || size > math.MaxInt64/4 || n > uint64(cuts-total) {
			return fmt.Errorf("%w: member %d of the index", ErrCorrupt, i)
		}
		m.offset, m.header, m.size = next.size, uint32(header)*block, int64(size)
		m.chunked = uint32(total)
		counts[i] = int(n)
		total += int(n)
		copy(m.head[:], r.bytes(8))
		copy(m.body[:], r.bytes(16))
		m.path, m.folded, m.tail, m.name = r.uint64(), r.uint32(), r.uint32(), r.uint32()
		if r.bad || m.end() > math.MaxInt64/4 {
			return fmt.Errorf("%w: member %d of the index", ErrCorrupt, i)
		}
		next.size = m.end()
	}
	if total != cuts {
		return fmt.Errorf("%w: members of the index have %d chunks of %d", ErrCorrupt, total, cuts)
	}
	k := 0
	for i, n := range counts {
		size := int64(0)
		for range n {
			copy(next.chunks[k].Sum[:], r.bytes(16))
			n := r.uvarint()
			if n == 0 || n > chunks.Max {
				return fmt.Errorf("%w: chunk %d of the index", ErrCorrupt, k)
			}
			next.chunks[k].Size = uint32(n)
			size += int64(n)
			k++
		}
		if n > 0 && size != next.members[i].size {
			return fmt.Errorf("%w: chunks of member %d of the index", ErrCorrupt, i)
		}
	}
	if r.bad || len(r.b) > 0 {
		return fmt.Errorf("%w: the index ends early or late", ErrCorrupt)
	}
	*x = next
	return nil
}
