//go:build integration

package stage_test

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// vastSize is many times what a rebuild may hold.
const vastSize = 192 << 20

// vast is a layer on the disk that is made of another, with what that takes.
type vast struct {
	Base, Target artifact.Digest
	Size         int64
	Batches      []delta.Batch
}

// writeVast writes a tar of large files of noise, in each of which some bytes depend on
// the edit.
func writeVast(tb testing.TB, path, edit string) (index *delta.Index, digest artifact.Digest) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	h, x := sha256.New(), delta.NewIndexer()
	w := tar.NewWriter(io.MultiWriter(f, h, x))
	noise := rand.NewChaCha8([32]byte{})
	b := make([]byte, 1<<20)
	for i := range 8 {
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprint("f", i), Size: vastSize / 8, Mode: 0o644, ModTime: time.Unix(1700000000, 0)})
		for n := 0; n < vastSize/8; n += len(b) {
			_, _ = noise.Read(b)
			if n == 5<<20 {
				copy(b, edit)
			}
			err = errors.Join(err, second(w.Write(b)))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	if index, err = x.Close(); err != nil {
		tb.Fatal(err)
	}
	return index, artifact.DigestSum([sha256.Size]byte(h.Sum(nil)))
}

func (v vast) Stream(_ context.Context, _ artifact.Repository, ranges []layers.Range, _ []artifact.Digest, each func(layers.Piece) error) error {
	if !ranges[0].Delta {
		return errors.New("no delta is asked for")
	}
	for _, b := range v.Batches {
		if err := each(layers.Piece{Digest: v.Target, Delta: &b, Size: v.Size}); err != nil {
			return err
		}
	}
	return nil
}

// swallow is an engine that has what it reads to the end.
type swallow struct{ *fakeEngine }

func (s swallow) Load(_ context.Context, a engine.Archive, _ time.Duration) (engine.Loaded, error) {
	r := a.Reader()
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	if err == nil && n < vastSize {
		err = fault.New(fault.EngineFailed, "a probe")
	}
	return engine.Loaded{}, err
}

type vastLayer struct {
	v1.Layer
	v vast
}

func (l vastLayer) Digest() (v1.Hash, error) { return v1.NewHash(l.v.Target.String()) }
func (l vastLayer) DiffID() (v1.Hash, error) { return v1.NewHash(l.v.Target.String()) }
func (l vastLayer) Size() (int64, error)     { return l.v.Size, nil }

// TestDeltaMemoryChild is no test: TestMemoryDoesNotGrowWithARebuild runs it.
func TestDeltaMemoryChild(t *testing.T) {
	cache := os.Getenv("UNIDESK_TEST_DELTA_MEMORY")
	if cache == "" {
		t.Skip("runs only as a child of TestMemoryDoesNotGrowWithARebuild")
	}
	var v vast
	f, err := os.Open(cache + ".batches")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&v); err != nil {
		t.Fatal(err)
	}
	p := newProduct(t, vastLayer{static.NewLayer(nil, ""), v})
	spool, err := layers.OpenSpool(t.TempDir(), 0, layers.OpenCache(cache, 0))
	if err != nil {
		t.Fatal(err)
	}
	e := newFake(engine.Classic)
	staged, err := stage.New(swallow{e}, spool, v).Stage(t.Context(), p.Image, p.tag(), func(ev workload.Event) {
		if ev.Point == workload.PointLoad {
			e.create(p.Config.String(), engine.Image{DiffIDs: []artifact.Digest{p.Layers[0].DiffID}, Complete: true}, []string{p.tag()})
		}
	})
	if err != nil || staged.Moves[0].Way != workload.WayDelta {
		t.Fatal(staged, err)
	}
	t.Logf("%+v", staged)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", regexp.MustCompile(`VmHWM:\s+\d+ kB`).Find(status))
}

func TestMemoryDoesNotGrowWithARebuild(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	var v vast
	var list [2]delta.Tar
	for i, edit := range []string{"an edit", "another edit"} {
		path := fmt.Sprint(cache, ".", i)
		index, digest := writeVast(t, path, edit)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		list[i] = delta.Tar{Index: index, Bytes: f}
		v.Base, v.Target, v.Size = v.Target, digest, index.Size()
	}
	err := delta.Encode(t.Context(), list[1], list[:1], 0, func(b delta.Batch) error {
		b.Ops = append([]byte(nil), b.Ops...)
		v.Batches = append(v.Batches, b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(cache + ".batches")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(json.NewEncoder(f).Encode(v), f.Close(), os.Rename(cache+".0", filepath.Join(cache, v.Base.Hex()))); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDeltaMemoryChild$", "-test.v")
	cmd.Env = append(os.Environ(), "UNIDESK_TEST_DELTA_MEMORY="+cache)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%d batches: %s", len(v.Batches), out)
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(out)
	if m == nil {
		t.Fatal("no figure")
	}
	if kb, _ := strconv.Atoi(string(m[1])); kb > 64<<10 {
		t.Errorf("a layer of 192 MiB took %d MiB", kb>>10)
	}
}
