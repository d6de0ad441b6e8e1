package layers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// The files of a spool: <hex> is a whole blob, <hex>.part one that is being
// received, <hex>.tar what a blob unpacks to, <hex>.tar.part that in the making.
const (
	partSuffix = ".part"
	tarSuffix  = ".tar"
	lockName   = "lock"
)

// DefaultQuota holds the layers of any image of the catalog several times over.
const DefaultQuota = 20 << 30

// maxAge is how long a leftover may wait for somebody to continue it.
const maxAge = 14 * 24 * time.Hour

// Spool is a folder of blobs.
type Spool struct {
	dir   string
	quota int64
}

// OpenSpool writes nothing: a folder that is not there is made by [Spool.Lock], so
// that a question about the spool leaves none. A quota of 0 is [DefaultQuota].
func OpenSpool(dir string, quota int64) (*Spool, error) {
	if info, err := os.Stat(statefile.Existing(dir)); err != nil || !info.IsDir() {
		return nil, fault.New(fault.ConfigInvalid, "the spool %s: %w", dir, cmp.Or(err, error(syscall.ENOTDIR)))
	}
	return &Spool{dir, cmp.Or(quota, DefaultQuota)}, nil
}

// Lock waits until the spool is this process's own, telling waiting once when
// that is not at once. It makes the folder if there is none. What is too old for anybody to continue is swept then.
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
	for _, e := range s.entries() {
		if time.Since(e.used) > maxAge {
			_ = statefile.Remove(e.path)
		}
	}
	return func() { _ = lock.Unlock() }, nil
}

// Has reports whether the blob is here, whole. It was verified when it came.
func (s *Spool) Has(d artifact.Digest) bool {
	_, err := os.Stat(s.path(d))
	return err == nil
}

// Offset is how much of the blob is here: its size when it is whole, or where to
// continue. It is what was received, not what was verified.
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

// Remove drops everything about a blob.
func (s *Spool) Remove(d artifact.Digest) error {
	var errs []error
	for _, suffix := range []string{"", partSuffix, tarSuffix, tarSuffix + partSuffix} {
		if err := statefile.Remove(s.path(d) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fault.New(fault.Internal, "remove blob from the spool: %w", err)
	}
	return nil
}

// MakeRoom makes sure that need more bytes fit, in the quota and on the disk. It
// removes what was used longest ago, but nothing of a blob that keep names.
// DISK_FULL with both figures when it cannot.
func (s *Spool) MakeRoom(need int64, keep func(artifact.Digest) bool) error {
	entries := s.entries()
	slices.SortFunc(entries, func(a, b entry) int { return a.used.Compare(b.used) })
	var used int64
	for _, e := range entries {
		used += e.size
	}
	for {
		room, where, hint := s.quota-used, "within the spool's quota", "raise spoolQuota in controller.yaml"
		if free, err := s.Free(); err == nil && free-reserve < room {
			room, where = free-reserve, fmt.Sprintf("on its disk, of which %d bytes stay free", int64(reserve))
			hint = fmt.Sprintf("free space on the filesystem of %[1]s (df -h %[1]s, df -i %[1]s)", s.dir)
		}
		if need <= room {
			return nil
		}
		i := slices.IndexFunc(entries, func(e entry) bool { return !keep(e.digest) })
		if i < 0 {
			return fault.New(fault.DiskFull, "spool %s needs %d bytes and has %d %s", s.dir, need, max(room, 0), where).
				WithHint("%s", hint)
		}
		if err := statefile.Remove(entries[i].path); err != nil {
			return fault.New(fault.Internal, "sweep the spool: %w", err)
		}
		used -= entries[i].size
		entries = slices.Delete(entries, i, i+1)
	}
}

// Space is how many bytes [Spool.MakeRoom] could make fit, when it may remove all but
// the blobs that keep names. It removes nothing.
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
	if inodes == 0 && swept == 0 {
		return 0, nil
	}
	return max(0, min(s.quota-kept, free-reserve+swept)), nil
}

// reserve stays free on the disk: others live there.
const reserve = 64 << 20

// Free is how many bytes the spool's disk has left for a process like this one.
func (s *Spool) Free() (int64, error) {
	free, err := statefile.Free(s.dir)
	if err != nil {
		return 0, fault.New(fault.Internal, "ask the spool's disk: %w", err)
	}
	return free, nil
}

type entry struct {
	digest artifact.Digest
	path   string
	size   int64
	used   time.Time
}

// entries are the spool's own files; a foreign one is nobody's to count or sweep.
func (s *Spool) entries() (found []entry) {
	list, err := os.ReadDir(s.dir)
	if err != nil {
		return nil // the first write will say it better
	}
	for _, e := range list {
		hex, _, _ := strings.Cut(e.Name(), ".")
		d, err := artifact.ParseDigest("sha256:" + hex)
		info, gone := e.Info()
		if err == nil && gone == nil && info.Mode().IsRegular() {
			found = append(found, entry{d, filepath.Join(s.dir, e.Name()), info.Size(), info.ModTime()})
		}
	}
	return found
}

func (s *Spool) path(d artifact.Digest) string { return filepath.Join(s.dir, d.Hex()) }

// broken is the fault of a file of the spool: DISK_FULL or INTERNAL.
func (s *Spool) broken(doing string, err error) error {
	return statefile.Fault(fault.Internal, s.dir, doing, err)
}
