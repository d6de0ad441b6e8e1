package store

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// FrameSize is the content of a frame.
const FrameSize = frameSize

// SetPatience sets how long an Encode waits for another.
func (s *Store) SetPatience(d time.Duration) { s.patience = d }

// SetReserve sets what stays free on the disk.
func (s *Store) SetReserve(n int64) { s.reserve = n }

// Opened is a copy that a test reads.
type Opened struct{ *copied }

// Open opens a copy with a desk of its own.
func (s *Store) Open(layer artifact.Digest) (Opened, error) {
	c, err := s.copied(layer, &desk{})
	return Opened{c}, err
}

// Close closes it.
func (o Opened) Close() { o.close() }

// Path is the file of a copy.
func (s *Store) Path(layer artifact.Digest) string { return s.path(layer) }

// Seal makes a file of any parts, with the right checksum.
func Seal(size int64, frames []uint32, index []byte) []byte { return seal(size, frames, index) }

// SetTime sets the keeper's clock, and what it does to wait.
func (k *Keeper) SetTime(now func() time.Time, wait func(context.Context, time.Duration) bool) {
	k.now, k.wait = now, wait
}

// Round looks at the registry once.
func (k *Keeper) Round(ctx context.Context) { k.round(ctx) }

// SetQuota sets the quota.
func (s *Store) SetQuota(n int64) { s.quota = n }
