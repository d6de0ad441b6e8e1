package delta

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/aligned"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/tarblock"
)

// batcher collects operations and passes them on as batches. Each of its methods
// takes the offset in the target that an operation begins at; what is before the
// batcher's own offset is left out.
type batcher struct {
	each  func(Batch) error
	group group
	maker aligned.Maker

	from, to int64 // of the batch in the target, what is pending included
	place    place
	text     []byte
	groups   []byte
	frames   []byte
	count    int   // of groups
	ranged   int64 // the end of the last range of groups
	pending  struct {
		base      int
		offset, n int64
	}
	patch   patch // of the group that is open
	patches bool  // whether the last large piece was a patch

	packed, block, old []byte // reused
}

func newBatcher(bases []Tar, from int64, each func(Batch) error) (*batcher, error) {
	b := &batcher{each: each, from: from, to: from, group: group{bases: bases}}
	var err error
	if b.group.plain, err = zstd.NewWriter(nil, append(options(), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(blockSize))...); err == nil {
		b.group.dict, err = zstd.NewWriter(nil, append(options(), zstd.WithEncoderDictRaw(0, nil))...)
	}
	if err != nil {
		return nil, fmt.Errorf("make an encoder: %w", err)
	}
	return b, nil
}

func options() []zstd.EOption {
	return []zstd.EOption{
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithEncoderLevel(zstd.SpeedBetterCompression),
		// A match may reach from the end of a block to the begin of its window.
		zstd.WithWindowSize(2 << 20), zstd.WithAllLitEntropyCompression(true),
	}
}

// copy adds n bytes of a base.
func (b *batcher) copy(at int64, base int, offset, n int64) error {
	if skip := b.to - at; skip > 0 {
		offset, n = offset+skip, n-skip
	}
	for n > 0 {
		p := &b.pending
		if p.n == 0 || p.base != base || p.offset+p.n != offset {
			b.settle()
			if err := b.room(0, 1); err != nil {
				return err
			}
			p.base, p.offset = base, offset
		}
		k := min(n, b.from+MaxLength-b.to)
		p.n += k
		b.to += k
		offset, n = offset+k, n-k
		if b.to == b.from+MaxLength {
			if err := b.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle writes the copy that is pending.
func (b *batcher) settle() {
	p := &b.pending
	if p.n == 0 {
		return
	}
	b.text = b.place.append(b.text, opCopy, p.base, p.offset)
	b.text = binary.AppendUvarint(b.text, uint64(p.n))
	b.place.moved(p.offset + p.n)
	p.n = 0
}

// most is how many bytes any operation has without its content.
const most = 64

// room makes sure that an operation with n bytes of content and some of output fits
// into the batch: it begins another batch if not.
func (b *batcher) room(n, output int) error {
	b.settle()
	if b.to-b.from+int64(output) > MaxLength || b.count >= maxGroups-4 ||
		len(b.text)+len(b.groups)+len(b.frames)+b.group.most()+n+4*most > MaxBatch {
		return b.flush()
	}
	return nil
}

// literal adds bytes that no base has.
func (b *batcher) literal(at int64, p []byte) error {
	if skip := b.to - at; skip > 0 {
		p = p[min(skip, int64(len(p))):]
	}
	for len(p) > 0 {
		part := p[:min(len(p), 64<<10)]
		p = p[len(part):]
		if err := b.room(len(part), len(part)); err != nil {
			return err
		}
		b.text = append(b.text, opLiteral)
		b.text = binary.AppendUvarint(b.text, uint64(len(part)))
		b.text = append(b.text, part...)
		b.to += int64(len(part))
	}
	return nil
}

// header adds a block of a header that differs from old, the block at an offset of a
// base, or is equal to it.
func (b *batcher) header(at int64, head []byte, base int, offset int64, old []byte) error {
	if bytes.Equal(head, old) {
		return b.copy(at, base, offset, block)
	}
	if at < b.to {
		return b.literal(at, head)
	}
	op := byte(opHeader)
	made := append(b.block[:0], head...)
	b.block = made
	tarblock.PutChecksum(made)
	if bytes.Equal(made, head) {
		op |= flagChecksum
		b.old = append(b.old[:0], old...)
		old = b.old
		copy(old[148:156], head[148:156])
	}
	runs, body := tarblock.Differences(head, old)
	if len(body) > block/2 {
		return b.literal(at, head)
	}
	if err := b.room(len(body), block); err != nil {
		return err
	}
	b.text = b.place.append(b.text, op, base, offset)
	b.text = binary.AppendUvarint(b.text, uint64(runs))
	b.text = append(b.text, body...)
	b.place.moved(offset + block)
	b.to += block
	return nil
}

// take adds p, which the bytes of a base around w may have much of.
func (b *batcher) take(at int64, p []byte, w window) error {
	if skip := b.to - at; skip > 0 {
		p = p[min(skip, int64(len(p))):]
	}
	if len(p) == 0 {
		return nil
	}
	if len(p) > smallPiece {
		return b.takeLarge(p, w)
	}
	if !b.group.fits(p, w) {
		if err := b.close(); err != nil {
			return err
		}
	}
	if err := b.room(len(p), len(p)); err != nil {
		return err
	}
	b.group.add(p, w)
	b.taken(len(p))
	return nil
}

// takeLarge adds p as a group of its own, as several if it does not compress, or as a
// patch if it costs less.
func (b *batcher) takeLarge(p []byte, w window) error {
	if err := b.close(); err != nil {
		return err
	}
	b.group.add(p, w)
	var err error
	patch := math.MaxInt
	// What follows a patch most often is a good patch too: no frame is made then.
	early := b.patches
	if early {
		if patch, err = b.makePatch(); err != nil {
			return err
		}
		if patch < len(p)/goodPatch {
			return b.putPatch()
		}
	}
	frame, err := b.group.compress()
	if err != nil {
		return err
	}
	if !early && len(frame) > len(p)/worth {
		if patch, err = b.makePatch(); err != nil {
			return err
		}
	}
	if b.patches = patch < len(frame); b.patches {
		return b.putPatch()
	}
	if len(frame) > maxFrame {
		b.group.reset()
		part := len(p)/((len(frame)-1)/maxFrame+1) + 1
		for ; len(p) > 0; p = p[min(part, len(p)):] {
			if err := b.takeLarge(p[:min(part, len(p))], w); err != nil {
				return err
			}
		}
		return nil
	}
	g := b.group.ranges
	b.group.reset()
	if err := b.room(len(frame)+most, len(p)); err != nil {
		return err
	}
	b.put(g, len(p), frame)
	b.taken(len(p))
	return nil
}

func (b *batcher) taken(n int) {
	b.text = append(b.text, opTake)
	b.text = binary.AppendUvarint(b.text, uint64(n))
	b.to += int64(n)
}

// close puts the group that is open into the batch.
func (b *batcher) close() error {
	if len(b.group.out) == 0 {
		return nil
	}
	frame, err := b.group.compress()
	if err != nil {
		return err
	}
	b.put(b.group.ranges, len(b.group.out), frame)
	b.group.reset()
	return nil
}

// put adds a group.
func (b *batcher) put(ranges []window, output int, frame []byte) {
	b.groups = binary.AppendUvarint(b.groups, uint64(len(ranges)))
	for _, w := range ranges {
		b.groups = binary.AppendUvarint(b.groups, uint64(w.base))
		b.groups = binary.AppendVarint(b.groups, w.from-b.ranged)
		b.groups = binary.AppendUvarint(b.groups, uint64(w.to-w.from))
		b.ranged = w.to
	}
	b.groups = binary.AppendUvarint(b.groups, uint64(output))
	b.groups = binary.AppendUvarint(b.groups, uint64(len(frame)))
	b.frames = append(b.frames, frame...)
	b.count++
}

// flush passes the batch on.
func (b *batcher) flush() error {
	if b.to == b.from {
		return nil
	}
	b.settle()
	if err := b.close(); err != nil {
		return err
	}
	text := binary.AppendUvarint(nil, uint64(len(b.groups)))
	text, packed := append(append(text, b.groups...), b.text...), uint64(0)
	if b.packed = b.group.plain.EncodeAll(text, b.packed[:0]); len(b.packed)-len(zstdMagic) < len(text) {
		text, packed = b.packed[len(zstdMagic):], 1
	}
	ops := binary.AppendUvarint(make([]byte, 0, len(text)+len(b.frames)+8), uint64(len(text))<<1|packed)
	ops = append(ops, text...)
	ops = append(ops, b.frames...)
	done := Batch{Offset: b.from, Length: b.to - b.from, Ops: ops}
	b.from = b.to
	b.text, b.groups, b.frames, b.count, b.ranged, b.place = b.text[:0], b.groups[:0], b.frames[:0], 0, 0, place{}
	return b.each(done)
}
