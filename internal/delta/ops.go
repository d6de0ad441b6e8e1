package delta

import "encoding/binary"

// Ops of a batch are
//
//	uvarint  bytes of the text as it is stored, times two, plus 1 if it is a zstd frame
//	bytes    the text
//	bytes    the frames of its groups, in their order
//
// The text is
//
//	uvarint  bytes of the groups
//	bytes    groups, each: uvarint ranges; per range uvarint base, varint offset as
//	         from the end of the range before, uvarint length; uvarint bytes of its
//	         output, uvarint bytes of its frame
//	bytes    operations, each a byte of kind and flags, then in this order what the
//	         flags announce, then what the kind has
//
// A run of a header is as [tarblock.Differences] makes it.
//
// An addition is bytes of a base with differences, those of the last opDiffer, which
// takes them from the stream below: gaps, then values, as [aligned.Patch] has them. All
// are used up by additions before the batch ends or another opDiffer begins.
//
// A group is a zstd frame whose dictionary is its ranges of bases, joined in order. The
// outputs of all groups make a stream that operations take from. A base and an offset hold
// on: an operation without a base is on the last operation's base, and without an offset it
// begins at the end of the last operation on that base. Zstd frames are without their
// magic.
const (
	opCopy    = 1 // uvarint length
	opHeader  = 2 // a block with other bytes: uvarint runs, the runs
	opLiteral = 3 // uvarint length, bytes
	opTake    = 4 // uvarint length
	opAdd     = 5 // uvarint length
	opDiffer  = 6 // uvarint count of differences, uvarint bytes of their gaps
	opKind    = 0x07

	flagBase     = 0x08 // uvarint: place of the base in the list
	flagOffset   = 0x10 // varint: what to add to the offset
	flagChecksum = 0x20 // of a header: its checksum is computed
	flags        = flagBase | flagOffset | flagChecksum
)

const (
	// blockSize is how many bytes a group's output has at most.
	blockSize = 512 << 10
	// windowSize is how many bytes of bases a group refers to at most.
	windowSize = 640 << 10
	// windowPad is what a window has on both sides of a block.
	windowPad = 64 << 10
	// maxFrame is how many bytes the frame of a large piece has at most: of a piece
	// that needs more parts are groups, and two such parts fit into a batch.
	maxFrame = 120 << 10
	// maxDiffer is how many bytes the differences of an opDiffer have at most: those of
	// a block in which each number differs.
	maxDiffer = blockSize + blockSize/4
	// maxGroups bounds what an applier reads of bases for the groups of a batch.
	maxGroups = 256
)

// zstdMagic begins each zstd frame (RFC 8878, 3.1.1).
const zstdMagic = "\x28\xb5\x2f\xfd"

// place is the position of operations in the bases: what flags leave out.
type place struct {
	base    int
	offsets [MaxBases]int64
}

// append adds the first byte of an operation at an offset of a base, and what its
// flags announce.
func (p *place) append(b []byte, op byte, base int, offset int64) []byte {
	at := len(b)
	b = append(b, op)
	if base != p.base {
		b[at] |= flagBase
		b = binary.AppendUvarint(b, uint64(base))
		p.base = base
	}
	if d := offset - p.offsets[base]; d != 0 {
		b[at] |= flagOffset
		b = binary.AppendVarint(b, d)
	}
	return b
}

// moved notes that an operation on the last base ended at an offset.
func (p *place) moved(end int64) { p.offsets[p.base] = end }
