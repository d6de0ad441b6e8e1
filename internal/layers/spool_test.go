package layers_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

func TestABlobIsContinuedAfterARestart(t *testing.T) {
	t.Parallel()
	b := newBlob(1, 10_000)
	for _, at := range []int{1, 63, 64, 65, 9_999, 10_000} {
		s, dir := newSpool(t, 0)
		w, err := s.Writer(b.Layer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b.b[:at]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if s.Has(b.Digest) {
			t.Errorf("whole with %d bytes", at)
		}
		s, err = layers.OpenSpool(dir, 0, layers.OpenCache(t.TempDir(), 0))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Offset(b.Layer); got != int64(at) {
			t.Errorf("offset %d instead of %d", got, at)
		}
		if w, err = s.Writer(b.Layer); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b.b[at:]); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Errorf("continued at %d: %v", at, err)
		}
		if got := s.Offset(b.Layer); got != b.Size || !s.Has(b.Digest) {
			t.Errorf("offset %d of a whole blob", got)
		}
	}
}

func TestCommitTakesOnlyTheBlobItself(t *testing.T) {
	t.Parallel()
	b := newBlob(1, 1000)
	wrong := newBlob(2, 1000)
	tests := map[string]struct {
		before, now []byte
		retry       bool
	}{
		"too short":                    {nil, b.b[:999], false},
		"other bytes":                  {nil, wrong.b, false},
		"other bytes, from before":     {wrong.b[:500], b.b[500:], true},
		"other bytes, all from before": {wrong.b, nil, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, dir := newSpool(t, 0)
			if test.before != nil {
				if err := os.WriteFile(filepath.Join(dir, b.Digest.Hex()+".part"), test.before, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w, err := s.Writer(b.Layer)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(test.now); err != nil {
				t.Fatal(err)
			}
			err = w.Commit()
			if fault.ReasonOf(err) != fault.DigestMismatch || fault.Retryable(err) != test.retry {
				t.Errorf("%v, retry %v", err, fault.Retryable(err))
			}
			if got := names(t, dir); got != nil {
				t.Errorf("left %q", got)
			}
		})
	}
}

func TestAnOverlongPartialBlobIsBegunAnew(t *testing.T) {
	t.Parallel()
	b := newBlob(1, 1000)
	s, dir := newSpool(t, 0)
	if err := os.WriteFile(filepath.Join(dir, b.Digest.Hex()+".part"), make([]byte, 1001), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.Offset(b.Layer); got != 0 {
		t.Errorf("offset %d", got)
	}
	put(t, s, b)
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "spool")
	s, err := layers.OpenSpool(dir, 0, layers.OpenCache(t.TempDir(), 0))
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := s.Lock(t.Context(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	b := newBlob(1, 10)
	put(t, s, b)
	for path, want := range map[string]os.FileMode{dir: 0o700, dir + "/lock": 0o600, dir + "/" + b.Digest.Hex(): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o", path, got)
		}
	}
}

func TestAQuestionMakesNoSpool(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "spool")
	s, err := layers.OpenSpool(dir, 0, layers.OpenCache(t.TempDir(), 0))
	if err != nil {
		t.Fatal(err)
	}
	b := newBlob(1, 10)
	if free, err := s.Free(); err != nil || free <= 0 {
		t.Errorf("%d bytes are free: %v", free, err)
	}
	if missing := s.Missing([]artifact.Layer{b.Layer}); len(missing) != 1 || missing[0].Size() != 10 {
		t.Errorf("missing: %+v", missing)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder was made: %v", err)
	}
	unlock, err := s.Lock(t.Context(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	put(t, s, b)
}

func TestASpoolThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "spool")} {
		if _, err := layers.OpenSpool(dir, 0, layers.OpenCache(t.TempDir(), 0)); fault.ReasonOf(err) != fault.ConfigInvalid {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestRoomIsMadeFromTheOldest(t *testing.T) {
	t.Parallel()
	oldest, old, fresh := newBlob(1, 1000), newBlob(2, 1000), newBlob(3, 1000)
	all := []string{oldest.Digest.Hex(), old.Digest.Hex(), fresh.Digest.Hex()}
	tests := map[string]struct {
		need int64
		keep artifact.Digest
		want []string
		full string
	}{
		"none is needed":                   {500, artifact.Digest{}, all, ""},
		"a little":                         {501, artifact.Digest{}, all[1:], ""},
		"more":                             {1501, artifact.Digest{}, all[2:], ""},
		"not what is to be kept":           {501, oldest.Digest, []string{all[0], all[2]}, ""},
		"more than there would be":         {3501, artifact.Digest{}, nil, "needs 3501 bytes and has 3500"},
		"more than there is with the kept": {2501, old.Digest, all[1:2], "needs 2501 bytes and has 2500"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, dir := newSpool(t, 3500)
			for i, b := range []blob{oldest, old, fresh} {
				put(t, s, b)
				at := time.Now().Add(time.Duration(i-10) * time.Hour)
				if err := os.Chtimes(filepath.Join(dir, b.Digest.Hex()), at, at); err != nil {
					t.Fatal(err)
				}
			}
			keep := func(d artifact.Digest) bool { return d == test.keep }
			space, err := s.Space(keep)
			if (space >= test.need) != (test.full == "") || err != nil || len(names(t, dir)) != 3 {
				t.Errorf("space for %d bytes, %v", space, err)
			}
			err = s.MakeRoom(test.need, keep)
			if (err != nil) != (test.full != "") || err != nil && (fault.ReasonOf(err) != fault.DiskFull || !strings.Contains(err.Error(), test.full)) {
				t.Errorf("error %v", err)
			}
			want := map[string]bool{}
			for _, n := range test.want {
				want[n] = true
			}
			got := map[string]bool{}
			for _, n := range names(t, dir) {
				got[n] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRoomOnTheDiskCountsToo(t *testing.T) {
	t.Parallel()
	s, _ := newSpool(t, 1<<60)
	free, err := s.Free()
	if err != nil {
		t.Fatal(err)
	}
	if space, err := s.Space(never); err != nil || space >= free-32<<20 { // others write to it, too
		t.Errorf("space for %d of %d bytes, %v", space, free, err)
	}
	if err := s.MakeRoom(free, never); strings.Contains(fault.HintOf(err), "spoolQuota") || fault.ReasonOf(err) != fault.DiskFull || !strings.Contains(err.Error(), "on its disk") {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
	small, _ := newSpool(t, 1)
	if err := small.MakeRoom(2, never); !strings.Contains(fault.HintOf(err), "spoolQuota") || strings.Contains(fault.HintOf(err), "df -h") {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
}

func TestOneProcessStagesAtATime(t *testing.T) {
	t.Parallel()
	a, dir := newSpool(t, 0)
	b, err := layers.OpenSpool(dir, 0, layers.OpenCache(t.TempDir(), 0))
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := a.Lock(t.Context(), func() { t.Error("the first waits") })
	if err != nil {
		t.Fatal(err)
	}
	waits := 0
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := b.Lock(ctx, func() { waits++; cancel() }); !errors.Is(err, context.Canceled) || waits != 1 {
		t.Errorf("%v, %d waits", err, waits)
	}
	unlock()
	unlock, err = b.Lock(t.Context(), func() { t.Error("the second waits for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestWhatNobodyContinuesAgesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, dir := newSpool(t, 0)
		put(t, s, newBlob(1, 10))
		old := time.Now().Add(-15 * 24 * time.Hour)
		for _, n := range []string{newBlob(2, 10).Digest.Hex(), newBlob(3, 10).Digest.Hex() + ".part", "README"} {
			path := filepath.Join(dir, n)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(filepath.Join(dir, newBlob(1, 10).Digest.Hex()), time.Time{}, time.Now()); err != nil {
			t.Fatal(err)
		}
		unlock, err := s.Lock(t.Context(), func() {})
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		if diff := cmp.Diff([]string{"README", newBlob(1, 10).Digest.Hex(), "lock"}, names(t, dir)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestZstdIsUnpackedAndChecked(t *testing.T) {
	t.Parallel()
	plain := make([]byte, 40<<20) // many times what it compresses to
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := enc.EncodeAll(plain, nil)
	b := blob{artifact.Layer{Digest: artifact.DigestOf(packed), DiffID: artifact.DigestOf(plain), Size: int64(len(packed))}, packed}
	liar := b
	liar.DiffID = artifact.DigestOf(packed)
	tests := map[string]struct {
		quota  int64
		blob   blob
		reason fault.Reason
	}{
		"whole":               {0, b, ""},
		"of another layer":    {0, liar, fault.DigestMismatch},
		"beyond the quota":    {39 << 20, b, fault.DiskFull},
		"that is not zstd":    {0, newBlob(1, 1000), fault.DigestMismatch},
		"that is cut in half": {0, blob{artifact.Layer{Digest: artifact.DigestOf(packed[:900]), Size: 900}, packed[:900]}, fault.DigestMismatch},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, dir := newSpool(t, test.quota)
			put(t, s, test.blob)
			path, size, err := s.Unpack(t.Context(), test.blob.Layer, func(d artifact.Digest) bool { return d == test.blob.Digest })
			if test.reason != "" {
				if err == nil || fault.ReasonOf(err) != test.reason {
					t.Errorf("error %v", err)
				}
				if got := names(t, dir); len(got) != 1 {
					t.Errorf("left %q", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || artifact.DigestOf(got) != test.blob.DiffID || size != int64(len(got)) {
				t.Errorf("%d bytes, %v", size, err)
			}
			if is, err := s.IsZstd(test.blob.Digest); !is || err != nil {
				t.Error("not zstd", err)
			}
		})
	}
}

func TestARottenBlobIsDropped(t *testing.T) {
	t.Parallel()
	s, dir := newSpool(t, 0)
	good, bad := newBlob(1, 1000), newBlob(2, 1000)
	put(t, s, good)
	put(t, s, bad)
	if err := os.WriteFile(filepath.Join(dir, bad.Digest.Hex()), good.b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Verify(good.Digest), s.Verify(bad.Digest)); err != nil {
		t.Fatal(err)
	}
	if !s.Has(good.Digest) || s.Has(bad.Digest) {
		t.Errorf("left %q", names(t, dir))
	}
}

// A filesystem without inodes has bytes and takes no file: the plan finds that, and the
// transfer names it.
func TestASpoolWithoutInodesHasNoRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256m,nr_inodes=3"); err != nil {
		t.Skipf("NOT TESTED, a spool without inodes: a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s, err := layers.OpenSpool(dir, 1<<20, layers.OpenCache(t.TempDir(), 0))
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := s.Lock(t.Context(), func() {}) // its file takes an inode
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	whole := newBlob(1, 1000)
	put(t, s, whole)
	if space, err := s.Space(never); space != 1<<20 || err != nil { // a blob that may go makes way
		t.Errorf("space for %d bytes beside a blob that may go, %v", space, err)
	}
	if err := s.Remove(whole.Digest); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "another's"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if space, err := s.Space(never); space != 0 || err != nil {
		t.Errorf("space for %d bytes, %v", space, err)
	}
	if _, err := s.Writer(whole.Layer); fault.ReasonOf(err) != fault.DiskFull || !strings.Contains(fault.HintOf(err), "df -i") {
		t.Errorf("%v, hint %q", err, fault.HintOf(err))
	}
}
