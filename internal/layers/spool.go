package layers

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// The files of a spool: <hex> is a whole blob, <hex>.part a blob that is being received.
const lockName = "lock"

// DefaultQuota holds the layers of any image of the catalog several times over.
const DefaultQuota = 20 << 30

// Spool is a folder of blobs, beside a cache of what blobs unpack to.
type Spool struct {
	shelf

	// Cache makes way for blobs if their disk is full. The spool's lock guards it, too.
	Cache *Cache
}

// OpenSpool writes nothing: a folder that is not there is made by [Spool.Lock], so
// that a question about the spool leaves none. A quota of 0 is [DefaultQuota].
func OpenSpool(dir string, quota int64, cache *Cache) (*Spool, error) {
	if info, err := os.Stat(statefile.Existing(dir)); err != nil || !info.IsDir() {
		return nil, fault.New(fault.ConfigInvalid, "the spool %s: %w", dir, cmp.Or(err, error(syscall.ENOTDIR)))
	}
	return &Spool{shelf{dir, cmp.Or(quota, DefaultQuota), "spool", "spoolQuota"}, cache}, nil
}

// Lock waits until this process has the spool's lock, and calls waiting once if it has to wait.
// It makes the folder if there is none. It removes files that are too old to be continued.
func (s *Spool) Lock(ctx context.Context, waiting func()) (unlock func(), err error) {
	if err := statefile.Folder(s.dir, 0o700); err != nil {
		return nil, statefile.Fault(fault.ConfigInvalid, s.dir, "make the spool", err)
	}
	lock, err := statefile.OpenLock(filepath.Join(s.dir, lockName), 0o600)
	if err != nil {
		return nil, s.broken("lock the spool", err)
	}
	held, err := lock.Try()
	if err == nil && !held {
		waiting()
		err = lock.Wait(ctx)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = lock.Unlock()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, s.broken("lock the spool", err)
	}
	s.sweep(func(string) bool { return true })
	s.Cache.sweep(func(path string) bool { return filepath.Ext(path) != "" })
	_ = statefile.Sweep(filepath.Join(s.Cache.dir, releasesName))
	return func() { _ = lock.Unlock() }, nil
}

// Has reports whether the blob is here, whole. It was verified when it came.
func (s *Spool) Has(d artifact.Digest) bool {
	_, err := os.Stat(s.path(d))
	return err == nil
}

// Offset returns how many bytes of the blob are here: its size if it is whole, else the
// offset at which to continue. The bytes of a partial blob are not verified.
func (s *Spool) Offset(l artifact.Layer) int64 {
	if s.Has(l.Digest) {
		return l.Size
	}
	info, err := os.Stat(s.path(l.Digest) + partSuffix)
	if err != nil || info.Size() > l.Size {
		return 0
	}
	return info.Size()
}

// Missing are the ranges that the spool lacks of these layers, each blob once.
func (s *Spool) Missing(wanted []artifact.Layer) (ranges []Range) {
	seen := make(map[artifact.Digest]bool, len(wanted))
	for _, l := range wanted {
		if !seen[l.Digest] && !s.Has(l.Digest) {
			ranges = append(ranges, Range{Layer: l, Offset: s.Offset(l)})
		}
		seen[l.Digest] = true
	}
	return ranges
}

// Open opens a whole blob.
func (s *Spool) Open(d artifact.Digest) (*os.File, error) {
	f, err := os.Open(s.path(d))
	if err != nil {
		return nil, fault.New(fault.Internal, "open blob in the spool: %w", err)
	}
	return f, nil
}

// Remove removes a blob, whole or partial.
func (s *Spool) Remove(d artifact.Digest) error {
	var errs []error
	for _, suffix := range []string{"", partSuffix} {
		if err := statefile.Remove(s.path(d) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fault.New(fault.Internal, "remove blob from the spool: %w", err)
	}
	return nil
}

// MakeRoom makes sure that need more bytes fit, in the quota and on the disk. It removes
// the blobs that were used longest ago and, if the disk has no room, tars of the cache,
// except the blobs and the tars that keep names. It fails with DISK_FULL and both figures
// if that is not enough.
func (s *Spool) MakeRoom(need int64, keep func(artifact.Digest) bool) error {
	return s.makeRoom(need, keep, s.Cache.entries)
}

// Space is how many bytes [Spool.MakeRoom] could make fit, when it may remove all but
// what keep names. It removes nothing.
func (s *Spool) Space(keep func(artifact.Digest) bool) (int64, error) {
	free, inodes, err := statefile.Left(s.dir)
	if err != nil {
		return 0, fault.New(fault.Internal, "ask the spool's disk: %w", err)
	}
	var kept, swept int64
	for _, e := range s.entries() {
		if keep(e.digest) {
			kept += e.size
		} else {
			swept += e.size
		}
	}
	for _, e := range s.Cache.entries() {
		if !keep(e.digest) {
			swept += e.size
		}
	}
	if inodes == 0 && swept == 0 {
		return 0, nil
	}
	return max(0, min(s.quota-kept, free-reserve+swept)), nil
}
