package delta

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// take adds length bytes of the groups.
func (r *run) take(length uint64) error {
	if r.text.bad || length == 0 || length > uint64(r.left) {
		return fmt.Errorf("%w: %d bytes of groups where %d are left", ErrCorrupt, length, r.left)
	}
	return r.stream(int(length), r.write)
}

// stream passes on the next n bytes of the groups.
func (r *run) stream(n int, each func([]byte) error) error {
	for n > 0 {
		if len(r.made) == 0 {
			if err := r.group(); err != nil {
				return err
			}
		}
		part := r.made[:min(n, len(r.made))]
		if err := each(part); err != nil {
			return err
		}
		r.made, n = r.made[len(part):], n-len(part)
	}
	return nil
}

// group makes the output of the next group.
func (r *run) group() error {
	window := r.window[:0]
	for n := r.groups.length(3); n > 0; n-- {
		base, step, size := r.groups.uvarint(), r.groups.varint(), r.small(r.groups.uvarint())
		r.ranged += step // may wrap: no base has it then
		if r.groups.bad || base >= uint64(len(r.bases)) || size <= 0 || size > windowSize-len(window) || !r.bases[base].has(r.ranged, int64(size)) {
			return fmt.Errorf("%w: a group with %d bytes at %d of base %d", ErrCorrupt, size, r.ranged, base)
		}
		at := len(window)
		window = window[:at+size]
		if err := read(r.bases[base].Bytes, window[at:], r.ranged); err != nil {
			return err
		}
		r.ranged += int64(size)
	}
	size, frame := r.small(r.groups.uvarint()), r.small(r.groups.uvarint())
	stored := r.frames.bytes(frame)
	if r.count++; r.count > maxGroups || r.groups.bad || r.frames.bad || size <= 0 || size > blockSize {
		return fmt.Errorf("%w: group %d has %d bytes that inflate to %d", ErrCorrupt, r.count, frame, size)
	}
	dec := r.plain
	if len(window) > 0 {
		dec = r.dict
		if err := dec.ResetWithOptions(nil, zstd.WithDecoderDictRaw(0, window)); err != nil {
			return fmt.Errorf("decompress with a window: %w", err)
		}
	}
	var err error
	if r.made, err = r.inflate(dec, stored, r.block[:size]); err != nil {
		return err
	}
	if len(r.made) != size {
		return fmt.Errorf("%w: a group inflates to %d bytes, not to %d", ErrCorrupt, len(r.made), size)
	}
	return nil
}

// inflate decodes a frame into out, and no further than out goes.
func (a *Applier) inflate(dec *zstd.Decoder, frame, out []byte) ([]byte, error) {
	a.frame = append(a.frame[:len(zstdMagic)], frame...)
	got, err := dec.DecodeAll(a.frame, out[:0:len(out)])
	if err != nil {
		return nil, fmt.Errorf("%w: a frame: %w", ErrCorrupt, err)
	}
	return got, nil
}
