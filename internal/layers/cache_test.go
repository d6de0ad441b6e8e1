package layers_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// cached is a spool with a cache in known folders.
type cached struct {
	*layers.Spool
	dir, cache string
}

func newCached(t testing.TB, quota int64) cached {
	t.Helper()
	c := cached{dir: filepath.Join(t.TempDir(), "spool"), cache: filepath.Join(t.TempDir(), "cache")}
	var err error
	if c.Spool, err = layers.OpenSpool(c.dir, 0, layers.OpenCache(c.cache, quota)); err != nil {
		t.Fatal(err)
	}
	unlock, err := c.Lock(t.Context(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unlock)
	return c
}

// gzipped is a blob of that content.
func gzipped(tb testing.TB, content []byte) blob {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return blob{artifact.Layer{Digest: artifact.DigestOf(b.Bytes()), DiffID: artifact.DigestOf(content), Size: int64(b.Len())}, b.Bytes()}
}

// plain is a blob that is not compressed.
func plain(seed uint64, size int) blob {
	b := newBlob(seed, size)
	b.DiffID = b.Digest
	return b
}

// rebuild puts a tar into the cache, last used at that time.
func rebuild(t *testing.T, c cached, b blob, used time.Time) {
	t.Helper()
	w, err := c.Cache.Writer(b.DiffID, int64(len(b.b)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b.b); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(c.cache, b.DiffID.Hex()), used, used); err != nil {
		t.Fatal(err)
	}
}

func TestABlobIsKeptUnpacked(t *testing.T) {
	t.Parallel()
	content := newBlob(1, 100_000).b
	for name, test := range map[string]struct {
		blob  blob
		moves bool
	}{
		"gzip":           {gzipped(t, content), false},
		"not compressed": {plain(1, 100_000), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCached(t, 0)
			put(t, c.Spool, test.blob)
			for range 2 {
				if err := c.Keep(t.Context(), test.blob.Layer, nothing); err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(filepath.Join(c.cache, test.blob.DiffID.Hex()))
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				if size, ok := c.Cache.Size(test.blob.DiffID); !ok || size != int64(len(content)) {
					t.Errorf("size %d, %t", size, ok)
				}
				if c.Has(test.blob.Digest) == test.moves {
					t.Errorf("the blob is in the spool: %t", !test.moves)
				}
			}
			info, err := os.Stat(c.cache)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder has mode %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestABlobOfAnotherLayerIsNotKept(t *testing.T) {
	t.Parallel()
	c := newCached(t, 0)
	b := gzipped(t, newBlob(1, 1000).b)
	b.DiffID = artifact.DigestOf([]byte("another"))
	put(t, c.Spool, b)
	if err := c.Keep(t.Context(), b.Layer, nothing); fault.ReasonOf(err) != fault.DigestMismatch {
		t.Error(err)
	}
	if got := names(t, c.cache); len(got) > 0 {
		t.Errorf("it leaves %q", got)
	}
}

func TestARebuildIsContinuedAndNamedByItsContentAlone(t *testing.T) {
	t.Parallel()
	c, b := newCached(t, 0), plain(1, 1000)
	step := func(from, to int) *layers.Writer {
		w, err := c.Cache.Writer(b.DiffID, b.Size)
		if err != nil {
			t.Fatal(err)
		}
		if w.Offset() != int64(from) || c.Cache.Rebuilt(b.DiffID) != int64(from) {
			t.Errorf("it continues at %d (%d), not at %d", w.Offset(), c.Cache.Rebuilt(b.DiffID), from)
		}
		if _, err := w.Write(b.b[from:to]); err != nil {
			t.Fatal(err)
		}
		return w
	}
	if err := step(0, 400).Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Cache.Size(b.DiffID); ok {
		t.Error("a part is the whole")
	}
	if err := step(400, 1000).Commit(); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Cache.Size(b.DiffID); !ok || c.Cache.Rebuilt(b.DiffID) != 0 {
		t.Error("it is not whole")
	}
	wrong := plain(2, 1000)
	w, err := c.Cache.Writer(wrong.DiffID, wrong.Size)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b.b); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); fault.ReasonOf(err) != fault.DigestMismatch {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{b.DiffID.Hex()}, names(t, c.cache)); diff != "" {
		t.Error(diff)
	}
}

func TestARottenTarGoesWhenItIsVerified(t *testing.T) {
	t.Parallel()
	c, sound, rotten := newCached(t, 0), plain(1, 1000), plain(2, 1000)
	rebuild(t, c, sound, time.Now())
	rebuild(t, c, rotten, time.Now())
	if err := os.WriteFile(filepath.Join(c.cache, rotten.DiffID.Hex()), sound.b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []artifact.Digest{sound.DiffID, rotten.DiffID, artifact.DigestOf(nil)} {
		if err := c.Cache.Verify(d); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{sound.DiffID.Hex()}, names(t, c.cache)); diff != "" {
		t.Error(diff)
	}
}

// An open tar stays readable when it is dropped; what is used goes last.
func TestTheCacheMakesRoomFromWhatWasUsedLongestAgo(t *testing.T) {
	t.Parallel()
	c := newCached(t, 2500)
	old, older, needed := plain(1, 1000), plain(2, 1000), plain(3, 1000)
	rebuild(t, c, old, time.Now().Add(-2*time.Hour))
	rebuild(t, c, older, time.Now().Add(-3*time.Hour))
	f, err := c.Cache.Open(older.DiffID) // and so it is the newest
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := c.Cache.MakeRoom(1000, never); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{older.DiffID.Hex()}, names(t, c.cache)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	rebuild(t, c, needed, time.Now())
	keep := func(d artifact.Digest) bool { return d == needed.DiffID }
	if err := c.Cache.MakeRoom(1501, keep); fault.ReasonOf(err) != fault.DiskFull || !strings.Contains(fault.HintOf(err), "cacheQuota") {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
	got := make([]byte, 1000)
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, older.b) {
		t.Error("an open tar cannot be read any more", err)
	}
}

func TestPartialTarsAgeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cached{dir: t.TempDir(), cache: t.TempDir()}
		var err error
		if c.Spool, err = layers.OpenSpool(c.dir, 0, layers.OpenCache(c.cache, 0)); err != nil {
			t.Fatal(err)
		}
		whole, fresh := plain(1, 10).DiffID.Hex(), plain(3, 10).DiffID.Hex()+".part"
		for name, age := range map[string]time.Duration{
			whole: 30, plain(2, 10).DiffID.Hex() + ".part": 15, fresh: 13, plain(4, 10).DiffID.Hex() + ".unpack": 15, "README": 30,
		} {
			path, at := filepath.Join(c.cache, name), time.Now().Add(-age*24*time.Hour)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		unlock, err := c.Lock(t.Context(), func() {})
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		got := map[string]bool{}
		for _, n := range names(t, c.cache) {
			got[n] = true
		}
		if diff := cmp.Diff(map[string]bool{whole: true, fresh: true, "README": true}, got); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
}

// onDisk is a spool with a cache on a small disk.
func onDisk(t *testing.T, options string) cached {
	t.Helper()
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, options); err != nil {
		t.Skipf("NOT TESTED, a cache on a full disk: a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	c := cached{dir: filepath.Join(disk, "spool"), cache: filepath.Join(disk, "cache")}
	var err error
	if c.Spool, err = layers.OpenSpool(c.dir, 0, layers.OpenCache(c.cache, 0)); err != nil {
		t.Fatal(err)
	}
	unlock, err := c.Lock(t.Context(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unlock)
	return c
}

func nothing(artifact.Digest) bool { return false }

// A layer that a load has yet to read stays. Any other makes way.
func TestALayerIsKeptBesideWhatIsNeeded(t *testing.T) {
	t.Parallel()
	for name, needed := range map[string]bool{"a load reads the other": true, "nothing reads it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCached(t, 80<<20)
			first, next := gzipped(t, make([]byte, 50<<20)), gzipped(t, make([]byte, 1<<20)) // a step of 32 MiB is asked for
			put(t, c.Spool, first)
			if err := c.Keep(t.Context(), first.Layer, nothing); err != nil {
				t.Fatal(err)
			}
			put(t, c.Spool, next)
			err := c.Keep(t.Context(), next.Layer, func(d artifact.Digest) bool { return needed && d == first.DiffID })
			if _, ok := c.Cache.Size(first.DiffID); ok != needed || ok != (fault.ReasonOf(err) == fault.DiskFull) {
				t.Errorf("the first is there: %t; %v", ok, err)
			}
		})
	}
}

// What nothing needs at once takes no more than half of what the disk would have free.
func TestALayerIsKeptWithRoomToSpare(t *testing.T) {
	t.Parallel()
	c := onDisk(t, "size=240m")
	small, big := gzipped(t, make([]byte, 1<<20)), gzipped(t, make([]byte, 110<<20)) // 176 MiB are free for both
	for _, b := range []blob{small, big} {
		put(t, c.Spool, b)
		err := c.Keep(t.Context(), b.Layer, nothing)
		if _, ok := c.Cache.Size(b.DiffID); ok != (b.DiffID == small.DiffID) || ok != (err == nil) || !ok && fault.ReasonOf(err) != fault.DiskFull {
			t.Errorf("%d bytes are kept: %t, %v", b.Size, ok, err)
		}
	}
}

// The cache and the spool are on a small disk: what is being moved goes first.
func TestTheCacheMakesWayForTheSpool(t *testing.T) {
	t.Parallel()
	c := onDisk(t, "size=80m")
	old, newer, base := plain(1, 6<<20), plain(4, 1<<20), plain(2, 6<<20) // 64 MiB stay free
	rebuild(t, c, old, time.Now().Add(-2*time.Hour))
	rebuild(t, c, newer, time.Now().Add(-time.Hour))
	rebuild(t, c, base, time.Now())
	keep := func(d artifact.Digest) bool { return d == base.DiffID }
	if space, err := c.Space(keep); err != nil || space < 9<<20 || space > 10<<20 {
		t.Errorf("space for %d bytes, %v", space, err)
	}
	if err := c.MakeRoom(8<<20, keep); err != nil {
		t.Error(err)
	}
	left := map[artifact.Digest]bool{}
	for _, b := range []blob{old, newer, base} {
		_, left[b.DiffID] = c.Cache.Size(b.DiffID)
	}
	if diff := cmp.Diff([]bool{false, true, true}, []bool{left[old.DiffID], left[newer.DiffID], left[base.DiffID]}); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if err := c.MakeRoom(12<<20, keep); fault.ReasonOf(err) != fault.DiskFull || !strings.Contains(err.Error(), "on its disk") {
		t.Error(err)
	}
	rest := plain(3, 90<<20)
	w, err := c.Cache.Writer(rest.DiffID, rest.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }() // which Commit did
	for at := 0; err == nil && at < len(rest.b); at += 1 << 20 {
		_, err = w.Write(rest.b[at : at+1<<20])
	}
	if err == nil {
		err = w.Commit()
	}
	if fault.ReasonOf(err) != fault.DiskFull {
		t.Error(err)
	}
}
