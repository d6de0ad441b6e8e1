package stage_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files makes a tar of about size bytes, different for each seed, that a
// compressor makes about half of.
func files(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for n := 0; n < size; {
		b := make([]byte, 1+r.IntN(min(size, 64<<10)))
		random(r, b[:len(b)/2])
		h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("s%d/f%d", seed, n), Size: int64(len(b)), Mode: 0o644, ModTime: time.Unix(1700000000, 0)}
		if err := errors.Join(w.WriteHeader(h), second(w.Write(b))); err != nil {
			panic(err)
		}
		n += len(b)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

func random(r *rand.Rand, b []byte) {
	for len(b) > 8 {
		binary.LittleEndian.PutUint64(b, r.Uint64())
		b = b[8:]
	}
}

func second(_ int, err error) error { return err }

func gzipLayer(tb testing.TB, content []byte) v1.Layer {
	tb.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// plainLayer is not compressed. It is worth a prefix image.
func plainLayer(seed uint64) v1.Layer {
	return static.NewLayer(files(seed, 9<<20), types.OCIUncompressedLayer)
}

// zstdLayer is compressed as `buildx --output compression=zstd` does.
type zstdLayer struct {
	v1.Layer
	diffID v1.Hash
}

func newZstdLayer(tb testing.TB, content []byte) v1.Layer {
	tb.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	plain, err := static.NewLayer(content, types.OCIUncompressedLayer).Digest()
	if err != nil {
		tb.Fatal(err)
	}
	return zstdLayer{static.NewLayer(enc.EncodeAll(content, nil), types.OCILayerZStd), plain}
}

func (z zstdLayer) DiffID() (v1.Hash, error) { return z.diffID, nil }

// product is an image as the registry has it.
type product struct {
	artifact.Image
	registered v1.Image

	blobs map[artifact.Digest][]byte
}

func newProduct(tb testing.TB, layers ...v1.Layer) product {
	tb.Helper()
	var raw artifact.Raw
	var err error
	check := func(e error) {
		if tb.Helper(); e != nil {
			tb.Fatal(e)
		}
	}
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{
		OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Cmd: []string{"/none"}, Labels: map[string]string{"unidesk.service": "baidu-netdisk"}},
	})
	check(err)
	img, err = mutate.AppendLayers(img, layers...)
	check(err)
	raw.ManifestBytes, err = img.RawManifest()
	check(err)
	raw.ConfigBytes, err = img.RawConfigFile()
	check(err)
	raw.Manifest, raw.ManifestMediaType = artifact.DigestOf(raw.ManifestBytes), string(types.OCIManifestSchema1)
	raw.Repository, err = artifact.ParseRepository("unidesk/baidu-netdisk")
	check(err)
	raw.Commit, err = artifact.ParseCommit(raw.Manifest.Hex()[:40])
	check(err)
	p := product{registered: img, blobs: map[artifact.Digest][]byte{}}
	p.Image, err = artifact.ParseImage(raw)
	check(err)
	for _, l := range layers {
		r, err := l.Compressed()
		check(err)
		b, err := io.ReadAll(r)
		check(err)
		p.blobs[artifact.DigestOf(b)] = b
	}
	return p
}

func (p product) tag() string { return "baidu-netdisk:" + p.Commit.String() }

// source serves a product's blobs and misbehaves as its fields ask.
type source struct {
	blobs map[artifact.Digest][]byte
	chunk int
	// cutAfter breaks the stream after so many bytes of each call, 0 for never.
	cutAfter int
	// delay is slept before each chunk.
	delay time.Duration
	// bend may change a chunk before it is sent; it may also send more.
	bend func(c layers.Piece, send func(layers.Piece) error) error

	mu    sync.Mutex
	asked [][]layers.Range
	bytes int64
}

var errCut = errors.New("connection reset")

func (p product) source() *source { return &source{blobs: p.blobs, chunk: 64 << 10} }

func (s *source) Stream(ctx context.Context, _ artifact.Repository, ranges []layers.Range, _ []artifact.Digest, each func(layers.Piece) error) error {
	s.mu.Lock()
	s.asked = append(s.asked, ranges)
	s.mu.Unlock()
	sent := 0
	send := func(c layers.Piece) error {
		if err := each(c); err != nil {
			return fmt.Errorf("stream: %w", err)
		}
		s.mu.Lock()
		s.bytes += int64(len(c.Data))
		s.mu.Unlock()
		return nil
	}
	for _, want := range ranges {
		blob := s.blobs[want.Layer.Digest]
		for at := want.Offset; at < int64(len(blob)); {
			n := min(int64(s.chunk), int64(len(blob))-at)
			if s.cutAfter > 0 {
				n = min(n, int64(s.cutAfter-sent))
			}
			if n == 0 {
				return fault.Transient(fault.HostUnreachable, "stream: %w", errCut)
			}
			if s.delay > 0 {
				select {
				case <-ctx.Done():
				case <-time.After(s.delay):
				}
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			c := layers.Piece{Digest: want.Layer.Digest, Offset: at, Data: bytes.Clone(blob[at : at+n])}
			var err error
			if s.bend != nil {
				err = s.bend(c, send)
			} else {
				err = send(c)
			}
			if err != nil {
				return err
			}
			at += n
			sent += int(n)
		}
	}
	return nil
}

// record keeps events, as a word each.
type record struct {
	mu     sync.Mutex
	events []workload.Event
}

func (r *record) emit(e workload.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *record) points() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var words []string
	for _, e := range r.events {
		if word := string(e.Point); len(words) == 0 || words[len(words)-1] != word {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func newSpool(tb testing.TB, quota int64) *layers.Spool {
	tb.Helper()
	s, err := layers.OpenSpool(tb.TempDir(), quota, layers.OpenCache(tb.TempDir(), 0))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
