package layers

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// DefaultCacheQuota holds the unpacked layers of the last releases of a dozen services.
const DefaultCacheQuota = 20 << 30

// Cache keeps the tars that blobs unpack to, by diff id, as bases of later deltas: <hex> is
// a whole tar, <hex>.part a tar that is being rebuilt, <hex>.unpack a tar that is being
// unpacked. Nothing depends on it: without a base a layer is asked for whole. A tar was verified
// when it got its name and may have rotted since, so a layer made of it is verified again.
//
// The lock of the spool beside it guards it. [Cache.Size] and [Cache.Bases] need no lock.
type Cache struct {
	shelf

	unpacking sync.Mutex
}

// OpenCache returns the cache in a folder, and writes nothing: the first tar makes the
// folder. The quota is in bytes; 0 is [DefaultCacheQuota].
func OpenCache(dir string, quota int64) *Cache {
	return &Cache{shelf: shelf{dir, cmp.Or(quota, DefaultCacheQuota), "cache", "cacheQuota"}}
}

// Size returns the size of the layer's tar in bytes, or false if the cache does not have it.
func (c *Cache) Size(diffID artifact.Digest) (int64, bool) {
	info, err := os.Lstat(c.path(diffID))
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// Rebuilt returns how many bytes of the layer's tar an unfinished rebuild has written. They
// are not verified.
func (c *Cache) Rebuilt(diffID artifact.Digest) int64 {
	info, err := os.Lstat(c.path(diffID) + partSuffix)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// Open opens the layer's tar and notes that it is used. The file stays readable when the
// cache drops it.
func (c *Cache) Open(diffID artifact.Digest) (*os.File, error) {
	f, err := statefile.Open(c.path(diffID), os.O_RDONLY, 0)
	if err != nil {
		return nil, fault.New(fault.Internal, "open layer in the cache: %w", err)
	}
	now := []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}} // which a group may, too
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, c.path(diffID), now, unix.AT_SYMLINK_NOFOLLOW)
	return f, nil
}

// Writer continues the rebuild of a layer's tar, which will have size bytes. What is there
// already is read once, for the hash; more than size is thrown away. Its Commit compares
// with the diff id and nothing else.
func (c *Cache) Writer(diffID artifact.Digest, size int64) (*Writer, error) {
	if err := c.make(); err != nil {
		return nil, err
	}
	return c.writer(diffID, size, &Writer{what: "rebuilt layer " + diffID.String(), source: "the agent"})
}

func (c *Cache) make() error {
	if err := statefile.Folder(c.dir, 0o700); err != nil {
		return statefile.Fault(fault.Internal, c.dir, "make the cache", err)
	}
	return nil
}

// Discard removes an unfinished rebuild of the layer.
func (c *Cache) Discard(diffID artifact.Digest) error {
	return c.remove(c.path(diffID) + partSuffix)
}

// Verify reads the layer's tar and removes it if it has rotted. A missing tar is no error.
func (c *Cache) Verify(diffID artifact.Digest) error {
	f, err := statefile.Open(c.path(diffID), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return c.broken("open layer in the cache", err)
	}
	defer f.Close()
	h := sha256.New()
	// A tar that the disk cannot read has rotted.
	if _, err := io.Copy(h, f); err == nil && artifact.DigestSum([sha256.Size]byte(h.Sum(nil))) == diffID {
		return nil
	}
	return c.remove(c.path(diffID))
}

// MakeRoom makes sure that need more bytes fit. It removes the tars that were used longest
// ago, except those that keep names. It fails with DISK_FULL if that is not enough.
func (c *Cache) MakeRoom(need int64, keep func(artifact.Digest) bool) error {
	return c.makeRoom(need, keep, nil)
}

// Trim removes the tars that were used longest ago, until the cache is within its quota and
// takes no more of its disk than it leaves free.
func (c *Cache) Trim() {
	_ = c.modest().makeRoom(0, func(artifact.Digest) bool { return false }, nil)
}

// modest returns the shelf with the smaller quota, for tars that nothing needs at once.
func (c *Cache) modest() *shelf {
	s := c.shelf
	if free, err := s.Free(); err == nil {
		s.quota = min(s.quota, (free+total(s.entries()))/2)
	}
	return &s
}

func (c *Cache) remove(path string) error {
	if err := statefile.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Internal, "remove layer from the cache: %w", err)
	}
	return nil
}
