// Package store keeps copies of unpacked layers beside a registry, so that what changed
// between two layers can be encoded without unpacking either: compressed in frames that
// are read alone, each copy with its [delta.Index], in files named by diff id. A [Keeper]
// makes them when an image is published. Nothing depends on a copy: a layer that has none
// crosses whole, and any file may be deleted at any time.
//
// A copy gets its name durably, and after its content hashed to its diff id. A file that
// is damaged is known by checksums, and removed. The folder has a quota, and leaves
// room on its disk.
package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// ErrAbsent is returned when a layer has no copy that can be read now: it goes whole.
var ErrAbsent = errors.New("the layer has no copy")

// format names the folder of this format's files. A change of the files' format, of the
// index or of what is refused makes another folder.
const format = "1"

// DefaultQuota holds the copies of the last releases of all of UniDesk's services.
const DefaultQuota = 8 << 30

// The files of a store: <diff id> is a copy, <diff id>.part is a copy in the making,
// <blob digest>.refused stands for a blob that gets no copy.
const (
	partSuffix    = ".part"
	refusedSuffix = ".refused"
	lockName      = "lock"
)

// Store is a folder of copies. It is safe for concurrent use. Several processes may use
// the folder; one at a time adds to it.
type Store struct {
	root, dir      string // of all formats, of this format
	quota, reserve int64
	desks          chan *desk // those that are free
	patience       time.Duration

	mu      sync.Mutex
	open    map[artifact.Digest]int // how often each copy is open
	indexes int64                   // bytes of the open copies' indexes, as stored
}

// New returns the store below the folder, of at most quota bytes. It writes nothing: the
// folder need not be there.
func New(folder string, quota int64) *Store {
	s := &Store{
		root: folder, dir: filepath.Join(folder, format), quota: quota, reserve: reserve,
		desks: make(chan *desk, readers), patience: patience, open: map[artifact.Digest]int{},
	}
	for range readers {
		s.desks <- &desk{}
	}
	return s
}

// Has reports whether the layer has a copy. Damage shows when it is read.
func (s *Store) Has(layer artifact.Digest) bool {
	info, err := os.Stat(s.path(layer))
	return err == nil && info.Mode().IsRegular()
}

// Size returns how many bytes the unpacked layer has, and whether there is a copy of it.
func (s *Store) Size(layer artifact.Digest) (size int64, ok bool) {
	f, err := statefile.Open(s.path(layer), os.O_RDONLY, 0)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	of, file, err := shapeOf(f)
	if err == nil {
		err = of.verify(f, file)
	}
	if errors.Is(err, errDamaged) {
		s.drop(layer)
	}
	return of.size, err == nil
}

// Refuse remembers that a blob gets no copy.
func (s *Store) Refuse(blob artifact.Digest) error {
	err := statefile.Create(s.path(blob)+refusedSuffix, nil, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return s.broken("refuse a blob", err)
}

// Refused reports whether a blob gets no copy. Asked for, it stays remembered.
func (s *Store) Refused(blob artifact.Digest) bool {
	now := time.Now()
	return os.Chtimes(s.path(blob)+refusedSuffix, now, now) == nil
}

// Encode calls each with the batches that make the bytes of the unpacked target from an
// offset on, as [delta.Encode] does. Batches name bases by their place in the list; a base
// without a copy is passed over and keeps its place.
//
// It fails with [ErrAbsent], and has called nothing, if the target or all bases have no
// copy, or if the copies cannot be read now because others are. Who adds a copy makes
// way. A copy that turns out damaged later is removed; the error is transient then, and the next try finds it absent.
func (s *Store) Encode(ctx context.Context, target artifact.Digest, bases []artifact.Digest, from int64, each func(delta.Batch) error) error {
	if len(bases) > delta.MaxBases {
		return fault.New(fault.InvalidRequest, "%d bases; at most %d are possible", len(bases), delta.MaxBases)
	}
	d, err := s.desk(ctx)
	if err != nil {
		return err
	}
	defer s.leave(d)
	of, err := s.copied(target, d)
	if err != nil {
		return err
	}
	all := []*copied{of}
	defer func() {
		for _, c := range all {
			c.close()
		}
	}()
	tars := make([]delta.Tar, len(bases))
	for i, base := range bases {
		tars[i] = delta.Tar{Index: new(delta.Index), Bytes: bytes.NewReader(nil)} // matches nothing
		if c, err := s.copied(base, d); err == nil {
			all = append(all, c)
			tars[i] = c.tar()
		}
	}
	if len(all) == 1 {
		return ErrAbsent
	}
	err = delta.Encode(ctx, of.tar(), tars, from, each)
	for _, c := range all {
		if c.damage != nil {
			s.drop(c.layer)
			return fault.Transient(fault.Internal, "the copy of layer %s is damaged, and was removed: %w", c.layer, c.damage)
		}
	}
	return err
}

// prepare makes the folder, takes the lock of those who add, and removes leftovers.
func (s *Store) prepare() (unlock func(), err error) {
	if err := statefile.Folder(s.dir, 0o700); err != nil {
		return nil, s.broken("make the folder of copies", err)
	}
	lock, err := statefile.OpenLock(filepath.Join(s.dir, lockName), 0o600)
	if err != nil {
		return nil, s.broken("lock the folder of copies", err)
	}
	got, err := lock.Try()
	if err == nil && !got {
		err = fault.Transient(fault.Busy, "another process adds to %s", s.dir)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.sweep()
	return func() { _ = lock.Unlock() }, nil
}

// drop removes a copy that is damaged.
func (s *Store) drop(layer artifact.Digest) { _ = statefile.Remove(s.path(layer)) }

func (s *Store) path(d artifact.Digest) string { return filepath.Join(s.dir, d.Hex()) }

// broken is the fault of a file of the store: DISK_FULL or INTERNAL, nil for nil.
func (s *Store) broken(doing string, err error) error {
	if err == nil {
		return nil
	}
	return statefile.Fault(fault.Internal, s.dir, doing, err)
}
