package store

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// reserve stays free on the disk: the registry, an engine and others live there.
const reserve = 1 << 30

// maxRefusal is how long a refusal is kept that is not asked for.
const maxRefusal = 30 * 24 * time.Hour

// Turn orders the layers' copies that go to make room: the higher first, and of equal ones that
// which was used longest ago. At 0 it stays.
type Turn func(layer artifact.Digest) int

// MakeRoom makes sure that need more bytes fit, in the quota and on the disk. It removes
// copies by their turn, but none that is being read. It fails with DISK_FULL when it
// cannot, and removes nothing then.
func (s *Store) MakeRoom(need int64, turn Turn) error { return s.makeRoom(need, false, turn) }

// makeRoom is MakeRoom; in vain, it removes though that is not enough.
func (s *Store) makeRoom(need int64, inVain bool, turn Turn) error {
	entries := s.entries()
	var used int64
	for _, e := range entries {
		used += e.size
	}
	victims := slices.DeleteFunc(entries, func(e entry) bool { return e.kind != "" || turn(e.digest) == 0 || s.isOpen(e.digest) })
	slices.SortFunc(victims, func(a, b entry) int {
		return cmp.Or(cmp.Compare(turn(b.digest), turn(a.digest)), a.used.Compare(b.used))
	})
	var spare int64
	for _, v := range victims {
		spare += v.size
	}
	for {
		room, where, hint := s.quota-used, "within the quota of copies", "raise deltaQuota in agent.yaml"
		free, err := statefile.Free(s.dir)
		if err != nil {
			return s.broken("ask the disk of copies", err)
		}
		if free -= s.reserve; free < room {
			room, where = free, fmt.Sprintf("on its disk, of which %s stay free", plain.Size(s.reserve))
			hint = fmt.Sprintf("free space on the filesystem of %[1]s (`df -h %[1]s`, `df -i %[1]s`)", s.dir)
		}
		if need <= room {
			return nil
		}
		if len(victims) == 0 || !inVain && need > room+spare {
			return fault.New(fault.DiskFull, "the copies of layers in %s need %s and have %s %s", s.dir, plain.Size(need), plain.Size(max(room+spare, 0)), where).
				WithHint("%s", hint)
		}
		if err := statefile.Remove(victims[0].path); err != nil {
			return s.broken("remove a copy", err)
		}
		used -= victims[0].size
		spare -= victims[0].size
		victims = victims[1:]
	}
}

// Shed removes copies, those used longest ago first, if the quota is smaller than it was or
// the disk is about to be full: others need the room more.
func (s *Store) Shed() {
	var used int64
	for _, e := range s.entries() {
		used += e.size
	}
	// Copies end at the reserve; to act at half of it alone keeps from removing and
	// copying in turn.
	if free, err := statefile.Free(s.dir); used > s.quota || err == nil && used > 0 && free < s.reserve/2 {
		_ = s.makeRoom(0, true, func(artifact.Digest) int { return 1 })
	}
}

// sweep removes what nothing can use: other formats, copies that were never finished,
// refusals that were not asked for in a long time. The caller has the lock.
func (s *Store) sweep() {
	others, _ := os.ReadDir(s.root)
	for _, e := range others {
		if _, err := strconv.ParseUint(e.Name(), 10, 32); err == nil && e.Name() != format {
			_ = os.RemoveAll(filepath.Join(s.root, e.Name()))
		}
	}
	for _, e := range s.entries() {
		if e.kind == partSuffix || e.kind == refusedSuffix && time.Since(e.used) > maxRefusal {
			_ = statefile.Remove(e.path)
		}
	}
}

// entry is a file of the store: a copy, or what its suffix names.
type entry struct {
	digest artifact.Digest
	kind   string
	path   string
	size   int64
	used   time.Time
}

// entries returns the store's own files; foreign files are left alone.
func (s *Store) entries() (found []entry) {
	list, err := os.ReadDir(s.dir)
	if err != nil {
		return nil // the first write has the reason
	}
	for _, e := range list {
		name, kind := e.Name(), ""
		if dot := strings.IndexByte(name, '.'); dot >= 0 {
			name, kind = name[:dot], name[dot:]
		}
		d, err := artifact.ParseDigest("sha256:" + name)
		if err != nil || kind != "" && kind != partSuffix && kind != refusedSuffix {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			found = append(found, entry{d, kind, filepath.Join(s.dir, e.Name()), info.Size(), info.ModTime()})
		}
	}
	return found
}
