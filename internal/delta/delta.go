// Package delta makes the bytes of a tar out of other tars and of little else: the
// codec of layers that cross a slow link. [NewIndexer] describes a tar while it is
// written, [Encode] compares two descriptions and reads only what differs, and an
// [Applier] makes the bytes again. It is pure: no disk and no network but the
// readers that it is given.
//
// A tar is seen as members: a run of header blocks, and a payload with its padding.
// What is after the last member (zero blocks, or anything else) is a member without
// a header. So members cover each byte, and a tar that is odd, torn or only half a
// tar is made exactly too, with more bytes. Equal payloads are found by their
// SHA-256 and become copies; a changed payload is compressed with a window of the old
// payload as its dictionary, or is old bytes with differences, whichever is smaller; a
// changed header block names the bytes that differ.
//
// Nothing here proves that a base is what the sender meant: who applies batches
// compares the SHA-256 of the whole with a digest that it trusts.
package delta

import (
	"errors"
	"io"
)

const (
	// MaxBases is how many bases [Encode] and [NewApplier] take at most.
	MaxBases = 16
	// MaxBatch is how many bytes the Ops of a [Batch] have at most.
	MaxBatch = 256 << 10
	// MaxLength is how many bytes of the target a [Batch] makes at most: what a cut
	// of the link can cost in output.
	MaxLength = 32 << 20
	// MaxIndex is how many bytes an [Index] has at most when it is marshalled. It is
	// that of some 100 000 members, or of 5 GB in large files.
	MaxIndex = 6 << 20
)

// Errors that callers distinguish.
var (
	// ErrNotTar is returned for bytes that do not begin as a tar does.
	ErrNotTar = errors.New("not a tar")
	// ErrTooLarge is returned for a tar whose index exceeds [MaxIndex].
	ErrTooLarge = errors.New("the tar has too many members for an index")
	// ErrCorrupt is returned for an index or a batch that no correct sender makes.
	ErrCorrupt = errors.New("corrupt delta")
)

// Tar is a tar that can be read at any offset, with its index. The zero [Index]
// with a reader of no bytes is a base that matches nothing.
type Tar struct {
	Index *Index
	Bytes io.ReaderAt
}

// Base is a tar of Size bytes that an [Applier] copies from.
type Base struct {
	Bytes io.ReaderAt
	Size  int64
}

// Batch makes Length bytes of the target from Offset on. Ops needs nothing but the
// bases: no batch before it. It has at most [MaxBatch] bytes, Length is at most
// [MaxLength].
type Batch struct {
	Offset, Length int64
	Ops            []byte
}
