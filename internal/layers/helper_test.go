package layers_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// blob is content with its layer.
type blob struct {
	artifact.Layer
	b []byte
}

func newBlob(seed uint64, size int) blob {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(b)
	return blob{artifact.Layer{Digest: artifact.DigestOf(b), Size: int64(size)}, b}
}

func newSpool(t *testing.T, quota int64) (*layers.Spool, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := layers.OpenSpool(dir, quota, layers.OpenCache(t.TempDir(), quota))
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// chunks is a source that sends just these.
type chunks []layers.Piece

func (c chunks) Stream(_ context.Context, _ artifact.Repository, _ []layers.Range, _ []artifact.Digest, each func(layers.Piece) error) error {
	for _, one := range c {
		if err := each(one); err != nil {
			return err
		}
	}
	return nil
}

func (b blob) chunk(from, to int) layers.Piece {
	return layers.Piece{Digest: b.Digest, Offset: int64(from), Data: b.b[from:to]}
}

// put makes a blob whole, last used at the given age.
func put(t *testing.T, s *layers.Spool, b blob) {
	t.Helper()
	w, err := s.Writer(b.Layer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b.b); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func never(artifact.Digest) bool { return false }

func names(t *testing.T, dir string) (found []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		found = append(found, e.Name())
	}
	return found
}

// newTar is a tar of a file of 15 000 random bytes for each seed.
func newTar(tb testing.TB, seeds []uint64) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, seed := range seeds {
		content := newBlob(seed, 15_000).b
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("f%d", i), Size: int64(len(content)), Mode: 0o644}); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}
