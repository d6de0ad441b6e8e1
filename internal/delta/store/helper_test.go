package store_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// layer is an unpacked layer.
type layer struct {
	id artifact.Digest
	b  []byte
}

// newLayer makes a tar of files of a seed, each with its own line in the place of
// some bytes: those of two lines differ in little.
func newLayer(t testing.TB, seed uint64, size int, line string) layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	random := rand.NewChaCha8([32]byte{byte(seed)})
	for i := 0; b.Len() < size; i++ {
		content := make([]byte, 100_000)
		_, _ = random.Read(content[:50_000]) // the rest can be compressed
		if i == 3 {
			copy(content[1000:], line)
		}
		must(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("app/%d/file", i), Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(1e9, 0)}))
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	must(t, w.Close())
	return layer{artifact.DigestOf(b.Bytes()), b.Bytes()}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// newStore has no reserve: the disk of a test may be small.
func newStore(t testing.TB, quota int64) *store.Store {
	t.Helper()
	s := store.New(t.TempDir(), quota)
	s.SetReserve(0)
	return s
}

// anyone has each copy go, by its age alone.
func anyone(artifact.Digest) int { return 1 }

func add(t testing.TB, s *store.Store, all ...layer) {
	t.Helper()
	for _, l := range all {
		must(t, s.Add(t.Context(), l.id, bytes.NewReader(l.b), anyone))
	}
}

// rebuild makes the target from an offset on out of the bases, and returns the bytes of
// operations that it took.
func rebuild(t testing.TB, s *store.Store, target artifact.Digest, from int64, bases ...layer) (got []byte, ops int, err error) {
	t.Helper()
	ids, at := make([]artifact.Digest, len(bases)), make([]delta.Base, len(bases))
	for i, b := range bases {
		ids[i], at[i] = b.id, delta.Base{Bytes: bytes.NewReader(b.b), Size: int64(len(b.b))}
	}
	var out bytes.Buffer
	a := delta.NewApplier(at)
	err = s.Encode(t.Context(), target, ids, from, func(b delta.Batch) error {
		ops += len(b.Ops)
		return a.Apply(b, &out)
	})
	return out.Bytes(), ops, err
}

// files are the names in a folder.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range list {
		names = append(names, e.Name())
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == "lock" })
}

// failing is a reader that fails after some bytes.
func failing(b []byte, err error) io.Reader {
	return io.MultiReader(bytes.NewReader(b), errorReader{err})
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }
