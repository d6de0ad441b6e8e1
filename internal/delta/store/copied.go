package store

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// copied is a copy that is open. Whatever happens to its file's name, it can be read.
type copied struct {
	shape
	layer artifact.Digest
	store *Store
	desk  *desk
	file  *os.File
	ends  []int64 // of each frame in the file
	of    *delta.Index
	// damage is what was wrong with a frame; nil so far.
	damage error
}

// copied opens a layer's copy to be read with the desk, and remembers that it was used.
// It fails with ErrAbsent if there is none, or none that is right, or no room for its index.
func (s *Store) copied(layer artifact.Digest, d *desk) (c *copied, err error) {
	f, err := statefile.Open(s.path(layer), os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	c = &copied{layer: layer, store: s, desk: d, file: f}
	var size int64
	if c.shape, size, err = shapeOf(f); err == nil {
		if !s.hold(layer, c.index) {
			_ = f.Close()
			return nil, fmt.Errorf("%w that can be read now: others are read", ErrAbsent)
		}
		tail := make([]byte, c.tail())
		if _, err = f.ReadAt(tail, size-c.tail()); err == nil {
			c.ends, c.of, err = c.unseal(tail, size)
		}
		if err == nil {
			now := time.Now()
			_ = os.Chtimes(s.path(layer), now, now)
			return c, nil
		}
		s.release(layer, c.index)
	}
	if errors.Is(err, errDamaged) {
		s.drop(layer)
	}
	return nil, fmt.Errorf("%w: %w", ErrAbsent, errors.Join(err, f.Close()))
}

// ReadAt implements [io.ReaderAt].
func (c *copied) ReadAt(p []byte, at int64) (int, error) { return c.desk.read(c, p, at) }

func (c *copied) tar() delta.Tar { return delta.Tar{Index: c.of, Bytes: c} }

// damaged remembers and returns what is wrong with a frame.
func (c *copied) damaged(number int64, err error) error {
	c.damage = fmt.Errorf("frame %d: %w", number, err)
	return c.damage
}

func (c *copied) close() {
	_ = c.file.Close()
	c.store.release(c.layer, c.index)
}

// hold notes that a copy is open, and reports whether its index has room in memory
// beside those that are there.
func (s *Store) hold(layer artifact.Digest, index int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.indexes+index > maxOpen {
		return false
	}
	s.indexes += index
	s.open[layer]++
	return true
}

func (s *Store) release(layer artifact.Digest, index int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.indexes -= index
	if s.open[layer]--; s.open[layer] == 0 {
		delete(s.open, layer)
	}
}

// isOpen reports whether a copy is being read.
func (s *Store) isOpen(layer artifact.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[layer] > 0
}
