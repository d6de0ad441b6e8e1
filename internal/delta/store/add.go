package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// ErrUnfit is returned for content that gets no copy, however often it is tried: it is no
// tar, or larger than a copy may be.
var ErrUnfit = errors.New("the layer gets no copy")

// Add makes a layer's copy from its unpacked content, which it reads to its end. Other
// copies make room for it by their turn.
//
// It fails with [ErrUnfit]; DIGEST_MISMATCH if the content is not the layer's; DISK_FULL if
// there is no room; BUSY while another process adds or this process encodes, for the memory that
// both take, also when that begins meanwhile; and with the error of content.
func (s *Store) Add(ctx context.Context, layer artifact.Digest, content io.Reader, turn Turn) (err error) {
	unlock, err := s.prepare()
	if err != nil {
		return err
	}
	defer unlock()
	part := s.path(layer) + partSuffix
	f, err := statefile.Open(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return s.broken("make a copy", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, statefile.Remove(part))
		}
	}()
	defer f.Close()
	w := &writer{file: f, hash: sha256.New(), index: delta.NewIndexer(), room: func(n int64) error { return s.MakeRoom(n, turn) }, idle: s.idle}
	if err := w.copy(ctx, content); err != nil {
		if w.broken {
			return s.broken("write a copy", err)
		}
		return err
	}
	if got := artifact.DigestSum([sha256.Size]byte(w.hash.Sum(nil))); got != layer {
		return fault.New(fault.DigestMismatch, "the layer unpacks to %s, not to the config's %s", got, layer)
	}
	if err := w.seal(); err != nil {
		if w.broken {
			return s.broken("write a copy", err)
		}
		return err
	}
	if err := f.Sync(); err != nil {
		return s.broken("write a copy", err)
	}
	return s.broken("name a copy", statefile.Rename(part, s.path(layer)))
}

// idle fails with BUSY while copies are read.
func (s *Store) idle() error {
	if len(s.desks) == readers {
		return nil
	}
	return fault.Transient(fault.Busy, "copies are being read")
}

// writer writes the file of a copy. Beside the index it holds a frame.
type writer struct {
	file   io.Writer
	enc    *zstd.Encoder
	hash   hash.Hash
	index  *delta.Indexer
	room   func(int64) error
	idle   func() error
	frames []uint32
	size   int64 // of the content so far
	left   int64 // of the room that was made
	broken bool  // the error is that of the file
}

// step is how many bytes room is made for at a time.
const step = 4 << 20

// copy writes the frames of the content, to its end.
func (w *writer) copy(ctx context.Context, content io.Reader) (err error) {
	// A single stream of a single window: what a frame of this size can use.
	w.enc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(frameSize), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(true), zstd.WithSingleSegment(true))
	if err != nil {
		return err
	}
	defer func() { _ = w.enc.Close() }()
	raw, packed := make([]byte, frameSize), make([]byte, 0, maxFrame)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := w.idle(); err != nil {
			return err
		}
		n, end := io.ReadFull(content, raw)
		if n > 0 {
			if w.size += int64(n); w.size > maxContent {
				return fmt.Errorf("%w: it has more than %d bytes", ErrUnfit, int64(maxContent))
			}
			w.hash.Write(raw[:n])
			if _, err := w.index.Write(raw[:n]); err != nil {
				return unfit(err)
			}
			packed = w.enc.EncodeAll(raw[:n], packed[:0])
			if err := w.put(packed); err != nil {
				return err
			}
			w.frames = append(w.frames, uint32(len(packed)))
		}
		// Bare: an error of the source may wrap either.
		if end == io.EOF || end == io.ErrUnexpectedEOF {
			return nil
		}
		if end != nil {
			return end
		}
	}
}

// seal writes what is behind the frames.
func (w *writer) seal() error {
	index, err := w.index.Close()
	if err != nil {
		return unfit(err)
	}
	b, err := index.MarshalBinary()
	if err != nil {
		return unfit(err)
	}
	if len(b) > maxIndex {
		return unfit(delta.ErrTooLarge)
	}
	return w.put(seal(w.size, w.frames, b))
}

func (w *writer) put(b []byte) error {
	if w.left < int64(len(b)) {
		if err := w.room(step); err != nil {
			return err
		}
		w.left = step
	}
	w.left -= int64(len(b))
	_, err := w.file.Write(b)
	w.broken = err != nil
	return err
}

// unfit returns err as ErrUnfit if it is about the content.
func unfit(err error) error {
	if errors.Is(err, delta.ErrNotTar) || errors.Is(err, delta.ErrTooLarge) {
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	return err
}
