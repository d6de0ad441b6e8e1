//go:build integration

package stage_test

import (
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// hugeSize is many times what staging may hold. With 2 GiB the process peaked at
// 15 MiB just so.
const hugeSize = 512 << 20

// drain is an engine that reads an archive to its end and has what was in it.
type drain struct{ *fakeEngine }

func (d drain) Load(_ context.Context, a engine.Archive, _ time.Duration) (engine.Loaded, error) {
	r := a.Reader()
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	if err == nil && n < hugeSize {
		err = fault.New(fault.EngineFailed, "a probe")
	}
	return engine.Loaded{}, err
}

// noise is the only layer's content.
type noise struct{}

func (noise) Stream(_ context.Context, _ artifact.Repository, ranges []layers.Range, _ []artifact.Digest, each func(layers.Piece) error) error {
	r := rand.NewChaCha8([32]byte{})
	b := make([]byte, 256<<10)
	for at := int64(0); at < hugeSize; at += int64(len(b)) {
		_, _ = r.Read(b)
		if err := each(layers.Piece{Digest: ranges[0].Layer.Digest, Offset: at, Data: b}); err != nil {
			return err
		}
	}
	return nil
}

func TestMemoryChild(t *testing.T) {
	if os.Getenv("UNIDESK_TEST_MEMORY") == "" {
		t.Skip("runs only as a child of TestMemoryDoesNotGrowWithTheLayer")
	}
	h := sha256.New()
	if err := (noise{}).Stream(t.Context(), artifact.Repository{}, make([]layers.Range, 1), nil, func(c layers.Piece) error {
		_, err := h.Write(c.Data)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	p := newProduct(t, hugeLayer{static.NewLayer(nil, ""), v1.Hash{Algorithm: "sha256", Hex: artifact.DigestSum([32]byte(h.Sum(nil))).Hex()}})
	e := newFake(engine.Classic)
	began := time.Now()
	_, err := stage.New(drain{e}, newSpool(t, 0), noise{}).Stage(t.Context(), p.Image, p.tag(), func(ev workload.Event) {
		if ev.Point == workload.PointLoad {
			e.create(p.Config.String(), engine.Image{DiffIDs: []artifact.Digest{p.Layers[0].DiffID}, Complete: true}, []string{p.tag()})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("staged in %v", time.Since(began))
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", regexp.MustCompile(`VmHWM:\s+\d+ kB`).Find(status))
}

type hugeLayer struct {
	v1.Layer
	hash v1.Hash
}

func (l hugeLayer) Digest() (v1.Hash, error) { return l.hash, nil }
func (l hugeLayer) DiffID() (v1.Hash, error) { return l.hash, nil }
func (l hugeLayer) Size() (int64, error)     { return hugeSize, nil }

func TestMemoryDoesNotGrowWithTheLayer(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryChild$", "-test.v")
	cmd.Env = append(os.Environ(), "UNIDESK_TEST_MEMORY=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%s", out)
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(out)
	if m == nil {
		t.Fatal("no figure")
	}
	if kb, _ := strconv.Atoi(string(m[1])); kb > 64<<10 {
		t.Errorf("a layer of 512 MiB took %d MiB", kb>>10)
	}
}
