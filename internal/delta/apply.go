package delta

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/aligned"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/tarblock"
)

// Applier makes the bytes of batches. It holds at most 4 MiB, reads no byte outside
// a base and writes no byte beyond a batch's Length. Not safe for use by several
// goroutines.
type Applier struct {
	bases  []Base
	plain  *zstd.Decoder
	dict   *zstd.Decoder
	text   []byte
	window []byte
	frame  []byte
	block  []byte
	out    []byte
	values []byte // the differences that additions use, with their gaps
}

// NewApplier returns an applier of batches that were made with the same list of
// bases. Of more than [MaxBases] it uses the first.
func NewApplier(bases []Base) *Applier {
	return &Applier{bases: bases[:min(len(bases), MaxBases)]}
}

// Apply writes the bytes of b to w, Length of them when it returns nil. It returns
// [ErrCorrupt] for ops that no correct sender makes, or what a base or w returns; a
// base that is shorter than its Size is an [io.ErrUnexpectedEOF]. Some bytes may be
// written when it returns an error.
func (a *Applier) Apply(b Batch, w io.Writer) error {
	if b.Offset < 0 || b.Length <= 0 || b.Length > MaxLength || len(b.Ops) > MaxBatch {
		return fmt.Errorf("%w: a batch of %d bytes that makes %d at %d", ErrCorrupt, len(b.Ops), b.Length, b.Offset)
	}
	if err := a.prepare(); err != nil {
		return err
	}
	frames := reader{b: b.Ops}
	size := frames.uvarint()
	stored := frames.bytes(int(min(size>>1, MaxBatch+1)))
	if frames.bad {
		return fmt.Errorf("%w: the text of a batch ends early", ErrCorrupt)
	}
	text := reader{b: stored}
	if size&1 != 0 {
		var err error
		if text.b, err = a.inflate(a.plain, stored, a.text); err != nil {
			return err
		}
	}
	groups := reader{b: text.bytes(text.length(1))}
	if text.bad {
		return fmt.Errorf("%w: the groups of a batch end early", ErrCorrupt)
	}
	run := run{Applier: a, text: &text, groups: &groups, frames: &frames, left: b.Length, w: w}
	for len(text.b) > 0 {
		if err := run.operation(); err != nil {
			return err
		}
	}
	if over := len(run.made) + len(groups.b) + len(frames.b) + run.differences.Left(); run.left != 0 || over > 0 {
		return fmt.Errorf("%w: a batch is %d bytes of output short, and %d are left over", ErrCorrupt, run.left, over)
	}
	return nil
}

// prepare allocates what an applier holds.
func (a *Applier) prepare() error {
	if a.dict != nil {
		return nil
	}
	options := []zstd.DOption{
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(2 << 20), zstd.WithDecoderMaxWindow(2 << 20), zstd.IgnoreChecksum(true),
	}
	var err error
	if a.plain, err = zstd.NewReader(nil, options...); err == nil {
		a.dict, err = zstd.NewReader(nil, options...)
	}
	if err != nil {
		return fmt.Errorf("make a decoder: %w", err)
	}
	a.text, a.block, a.out = make([]byte, MaxBatch), make([]byte, blockSize), make([]byte, 64<<10)
	a.window, a.frame = make([]byte, windowSize), append(make([]byte, 0, MaxBatch), zstdMagic...)
	return nil
}

// run is the making of a batch.
type run struct {
	*Applier
	place  place
	text   *reader
	groups *reader
	frames *reader
	count  int    // of groups
	ranged int64  // the end of the last range of groups
	made   []byte // of the last group, what is not taken yet
	left   int64  // bytes of output
	w      io.Writer

	differences aligned.Differences
}

// operation takes the next operation from the text.
func (r *run) operation() error {
	op := r.text.byte()
	kind := op & opKind
	based := kind == opCopy || kind == opHeader || kind == opAdd
	if op&^(opKind|flags) != 0 || op&flagChecksum != 0 && kind != opHeader || op&(flagBase|flagOffset) != 0 && !based {
		return fmt.Errorf("%w: operation %#x", ErrCorrupt, op)
	}
	if op&flagBase != 0 {
		r.place.base = int(min(r.text.uvarint(), MaxBases))
	}
	if based {
		if r.text.bad || r.place.base >= len(r.bases) {
			return fmt.Errorf("%w: an operation on base %d of %d", ErrCorrupt, r.place.base, len(r.bases))
		}
		if op&flagOffset != 0 {
			// May wrap; what is outside is refused below.
			r.place.offsets[r.place.base] += r.text.varint()
		}
	}
	switch kind {
	case opCopy:
		return r.copy(r.text.uvarint())
	case opHeader:
		return r.header(op&flagChecksum != 0)
	case opLiteral:
		return r.write(r.text.bytes(r.small(r.text.uvarint())))
	case opTake:
		return r.take(r.text.uvarint())
	case opDiffer:
		return r.differ(r.text.uvarint(), r.text.uvarint())
	case opAdd:
		return r.add(r.text.uvarint())
	}
	return fmt.Errorf("%w: operation %#x", ErrCorrupt, op)
}

// small is n as an int, or -1 if that is more than anything here may have.
func (r *run) small(n uint64) int {
	if n > windowSize {
		return -1
	}
	return int(n)
}

// span returns where n bytes of the last base begin, if the base has them.
func (r *run) span(n int64) (Base, int64, error) {
	base, offset := r.bases[r.place.base], r.place.offsets[r.place.base]
	if r.text.bad || !base.has(offset, n) {
		return Base{}, 0, fmt.Errorf("%w: %d bytes at %d of base %d, which has %d", ErrCorrupt, n, offset, r.place.base, base.Size)
	}
	return base, offset, nil
}

// has reports whether the base has n bytes at an offset.
func (b Base) has(offset, n int64) bool {
	return n >= 0 && offset >= 0 && offset <= b.Size && n <= b.Size-offset
}

// read fills p from an offset of a base.
func read(b io.ReaderAt, p []byte, offset int64) error {
	n, err := b.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(p), offset, err)
}

// write adds p, which may not be empty, to the output.
func (r *run) write(p []byte) error {
	if r.text.bad || len(p) == 0 || int64(len(p)) > r.left {
		return fmt.Errorf("%w: %d bytes of output where %d are left", ErrCorrupt, len(p), r.left)
	}
	r.left -= int64(len(p))
	if _, err := r.w.Write(p); err != nil {
		return fmt.Errorf("write %d bytes: %w", len(p), err)
	}
	return nil
}

func (r *run) copy(length uint64) error {
	n := int64(min(length, MaxLength+1))
	base, offset, err := r.span(n)
	if err != nil {
		return err
	}
	if n == 0 || n > r.left {
		return fmt.Errorf("%w: a copy of %d bytes where %d are left", ErrCorrupt, n, r.left)
	}
	r.place.moved(offset + n)
	for n > 0 {
		part := r.out[:min(n, int64(len(r.out)))]
		if err := read(base.Bytes, part, offset); err != nil {
			return err
		}
		if err := r.write(part); err != nil {
			return err
		}
		offset, n = offset+int64(len(part)), n-int64(len(part))
	}
	return nil
}

func (r *run) header(sum bool) error {
	base, offset, err := r.span(block)
	if err != nil {
		return err
	}
	head := r.out[:block]
	if err := read(base.Bytes, head, offset); err != nil {
		return err
	}
	r.place.moved(offset + block)
	var old [block]byte
	copy(old[:], head)
	at := 0
	for n := r.text.uvarint(); n > 0 && !r.text.bad; n-- {
		skip, size := r.small(r.text.uvarint()), r.small(r.text.uvarint())
		moved := size&1 != 0
		if size >>= 1; skip < 0 || size <= 0 || at+skip+size > block {
			return fmt.Errorf("%w: a header has more bytes than a block", ErrCorrupt)
		}
		at += skip
		if !moved {
			copy(head[at:], r.text.bytes(size))
		} else if from := r.small(r.text.uvarint()); from >= 0 && from+size <= block {
			copy(head[at:at+size], old[from:])
		} else {
			return fmt.Errorf("%w: a header moves %d bytes from %d", ErrCorrupt, size, from)
		}
		at += size
	}
	if sum {
		tarblock.PutChecksum(head)
	}
	return r.write(head)
}
