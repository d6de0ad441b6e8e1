package layers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// partSuffix ends the name of a file that is not whole yet.
const partSuffix = ".part"

// maxAge is how long a leftover may wait to be continued.
const maxAge = 14 * 24 * time.Hour

// reserve is how many bytes stay free on the disk, for others.
const reserve = 64 << 20

// shelf is a folder of files that are named by the digest of their content, up to a dot,
// with a quota. The spool is such a folder, and the cache.
type shelf struct {
	dir   string
	quota int64
	name  string // for people: spool
	key   string // of controller.yaml, for the quota
}

type entry struct {
	digest artifact.Digest
	path   string
	size   int64
	used   time.Time
}

// entries are the shelf's own files; a foreign file is not counted and not swept.
func (s *shelf) entries() (found []entry) {
	list, err := os.ReadDir(s.dir)
	if err != nil {
		return nil // the first write fails with more words
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

// makeRoom makes sure that need more bytes fit, in the quota and on the disk. It removes the
// files that were used longest ago, except those that keep names, and after them, if the disk
// has no room, those of spare. It fails with DISK_FULL and both figures if that is not enough.
func (s *shelf) makeRoom(need int64, keep func(artifact.Digest) bool, spare func() []entry) error {
	entries := oldestFirst(s.entries())
	used := total(entries)
	for {
		room, onDisk := s.quota-used, false
		if free, err := s.Free(); err == nil && free-reserve < room {
			room, onDisk = free-reserve, true
		}
		if need <= room {
			return nil
		}
		i := slices.IndexFunc(entries, func(e entry) bool { return !keep(e.digest) })
		if i < 0 && onDisk && spare != nil {
			// They count for another quota.
			for _, e := range oldestFirst(spare()) {
				if !keep(e.digest) && statefile.Remove(e.path) == nil {
					if free, err := s.Free(); err == nil && need <= free-reserve {
						break
					}
				}
			}
			spare = nil
			continue
		}
		if i < 0 {
			return s.full(need, room, onDisk)
		}
		if err := statefile.Remove(entries[i].path); err != nil {
			return fault.New(fault.Internal, "sweep the %s: %w", s.name, err)
		}
		used -= entries[i].size
		entries = slices.Delete(entries, i, i+1)
	}
}

func (s *shelf) full(need, room int64, onDisk bool) error {
	where, hint := fmt.Sprintf("within the %s's quota", s.name), fmt.Sprintf("raise %s in controller.yaml", s.key)
	if onDisk {
		where = fmt.Sprintf("on its disk, of which %d bytes stay free", int64(reserve))
		hint = fmt.Sprintf("free space on the filesystem of %[1]s (`df -h %[1]s`, `df -i %[1]s`)", s.dir)
	}
	return fault.New(fault.DiskFull, "%s %s needs %d bytes and has %d %s", s.name, s.dir, need, max(room, 0), where).
		WithHint("%s", hint)
}

// Free is how many bytes the disk has left for this process.
func (s *shelf) Free() (int64, error) {
	free, err := statefile.Free(s.dir)
	if err != nil {
		return 0, fault.New(fault.Internal, "ask the %s's disk: %w", s.name, err)
	}
	return free, nil
}

// sweep removes the files that were not used for maxAge and for which old is true.
func (s *shelf) sweep(old func(path string) bool) {
	for _, e := range s.entries() {
		if time.Since(e.used) > maxAge && old(e.path) {
			_ = statefile.Remove(e.path)
		}
	}
}

func (s *shelf) path(d artifact.Digest) string { return filepath.Join(s.dir, d.Hex()) }

// broken is the fault of a file of the shelf: DISK_FULL or INTERNAL.
func (s *shelf) broken(doing string, err error) error {
	return statefile.Fault(fault.Internal, s.dir, doing, err)
}

func oldestFirst(list []entry) []entry {
	slices.SortFunc(list, func(a, b entry) int { return a.used.Compare(b.used) })
	return list
}

func total(list []entry) (n int64) {
	for _, e := range list {
		n += e.size
	}
	return n
}
