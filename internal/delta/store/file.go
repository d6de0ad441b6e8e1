package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
)

// A copy is a file of
//
//	frames   each a zstd frame of frameSize bytes of content, the last of fewer
//	table    the bytes of each frame in the file, 4 each, little endian
//	index    the delta.Index, in its own format
//	trailer  size of the content, bytes of the index, 8 each, little endian;
//	         SHA-256 of the table, the index and these; magic
//
// A frame has a checksum of its own.
const (
	frameSize   = 512 << 10
	magic       = "unidesk/layer/1\n"
	trailerSize = 2*8 + sha256.Size + len(magic)
	// maxFrame is more than a frame of incompressible content has.
	maxFrame = frameSize + 4<<10
)

// Limits on a copy. A layer beyond them gets none.
const (
	// maxContent bounds the table, and the time that a layer takes.
	maxContent = 4 << 30
	// maxIndex bounds an index as stored; in memory it has about twice as many bytes.
	maxIndex = 6 << 20
)

// errDamaged is the error of a file that is no copy, or not any more.
var errDamaged = errors.New("the file is damaged")

// shape is what the end of a copy's file states.
type shape struct {
	size  int64 // of the content
	index int64 // bytes of the index in the file
}

// frames returns how many frames there are.
func (s shape) frames() int64 { return (s.size + frameSize - 1) / frameSize }

// content returns how many bytes of content a frame has.
func (s shape) content(frame int64) int64 { return min(frameSize, s.size-frame*frameSize) }

// tail returns how many bytes of the file are behind the frames.
func (s shape) tail() int64 { return 4*s.frames() + s.index + int64(trailerSize) }

// seal returns the bytes behind the frames, which have the given sizes.
func seal(size int64, frames []uint32, index []byte) []byte {
	b := make([]byte, 0, 4*len(frames)+len(index)+trailerSize)
	for _, n := range frames {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = append(b, index...)
	b = binary.LittleEndian.AppendUint64(b, uint64(size))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(index)))
	sum := sha256.Sum256(b)
	return append(append(b, sum[:]...), magic...)
}

// parseShape reads the trailer of a file of so many bytes. It proves nothing: unseal does.
func parseShape(trailer []byte, file int64) (shape, error) {
	if len(trailer) != trailerSize || !bytes.HasSuffix(trailer, []byte(magic)) {
		return shape{}, fmt.Errorf("%w: it does not end as a copy does", errDamaged)
	}
	size, index := binary.LittleEndian.Uint64(trailer), binary.LittleEndian.Uint64(trailer[8:])
	if size > maxContent || index > maxIndex {
		return shape{}, fmt.Errorf("%w: it has %d bytes of content and %d of index", errDamaged, size, index)
	}
	s := shape{int64(size), int64(index)}
	if s.tail() > file {
		return shape{}, fmt.Errorf("%w: it has %d bytes", errDamaged, file)
	}
	return s, nil
}

// verify checks the bytes behind the frames of an open file, and holds none of them.
func (s shape) verify(f *os.File, file int64) error {
	h, want := sha256.New(), make([]byte, sha256.Size)
	sealed := s.tail() - int64(sha256.Size+len(magic))
	if _, err := io.Copy(h, io.NewSectionReader(f, file-s.tail(), sealed)); err != nil {
		return err
	}
	if _, err := f.ReadAt(want, file-s.tail()+sealed); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), want) {
		return fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	return nil
}

// unseal checks the bytes behind the frames of a file of so many bytes. It returns where
// each frame ends, and the index.
func (s shape) unseal(tail []byte, file int64) (ends []int64, index *delta.Index, err error) {
	sealed := tail[:len(tail)-sha256.Size-len(magic)]
	if sum := sha256.Sum256(sealed); !bytes.HasPrefix(tail[len(sealed):], sum[:]) {
		return nil, nil, fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	ends, at := make([]int64, s.frames()), int64(0)
	for i := range ends {
		n := int64(binary.LittleEndian.Uint32(tail[4*i:]))
		if n == 0 || n > maxFrame {
			return nil, nil, fmt.Errorf("%w: a frame of %d bytes", errDamaged, n)
		}
		at += n
		ends[i] = at
	}
	if at != file-s.tail() {
		return nil, nil, fmt.Errorf("%w: frames of %d bytes", errDamaged, at)
	}
	index = new(delta.Index)
	if err := index.UnmarshalBinary(tail[4*len(ends):][:s.index]); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if index.Size() != s.size {
		return nil, nil, fmt.Errorf("%w: an index of %d bytes for %d", errDamaged, index.Size(), s.size)
	}
	return ends, index, nil
}

// shapeOf reads the trailer of an open file.
func shapeOf(f *os.File) (s shape, file int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return s, 0, err
	}
	trailer := make([]byte, trailerSize)
	if _, err := f.ReadAt(trailer, max(0, info.Size()-int64(trailerSize))); err != nil {
		return s, 0, fmt.Errorf("%w: %w", errDamaged, err)
	}
	s, err = parseShape(trailer, info.Size())
	return s, info.Size(), err
}
