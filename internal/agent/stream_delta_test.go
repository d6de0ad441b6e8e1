package agent_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// noisyTar has so many files of size random bytes; those of which changed reports true are
// others than those of another tar.
func noisyTar(t *testing.T, files int, size int64, changed func(int) bool) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for i := range files {
		seed := [32]byte{byte(i), byte(i >> 8)}
		if changed(i) {
			seed[2] = 1
		}
		if err := tw.WriteHeader(&tar.Header{Name: fmt.Sprintf("lib/%d", i), Mode: 0o644, Size: size}); err != nil {
			t.Fatal(err)
		}
		content := make([]byte, size)
		_, _ = rand.NewChaCha8(seed).Read(content)
		if _, err := tw.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// publish makes an image of two layers, and waits until an agent beside its registry has
// copied them.
func publish(t *testing.T, base, target []byte) (p *process, client *rpc.Client, image artifact.Image) {
	t.Helper()
	url, _ := newRegistry(t, 10, 1) // replaced
	img := v1.Image(empty.Image)
	for _, b := range [][]byte{base, target} {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			t.Fatal(err)
		}
	}
	img = pushImage(t, url, img)
	p = startProgram(t, url)
	s := p.copies()
	for _, d := range diffIDs(t, img) {
		waitFor(t, func() bool { return s.Has(d) })
	}
	client = dial(t, stdioCommand(p.socket))
	return p, client, resolve(t, client)
}

// rebuild asks for the second layer of an image as a delta of the first, from a byte on,
// and returns how many bytes of it crossed.
func rebuild(t *testing.T, client *rpc.Client, image artifact.Image, base, want []byte, from int64) (wire int64) {
	t.Helper()
	var out bytes.Buffer
	a := delta.NewApplier([]delta.Base{{Bytes: bytes.NewReader(base), Size: int64(len(base))}})
	ranges := []layers.Range{{Layer: image.Layers[1], Delta: true, Rebuilt: from}}
	err := client.Stream(t.Context(), image.Repository, ranges, []artifact.Digest{image.Layers[0].DiffID}, func(p layers.Piece) error {
		if p.Delta == nil || p.Size != int64(len(want)) {
			return fmt.Errorf("%d bytes of the blob came", len(p.Data))
		}
		wire += int64(p.Wire)
		return a.Apply(*p.Delta, &out)
	})
	if err != nil || !bytes.Equal(out.Bytes(), want[from:]) {
		t.Errorf("%d bytes were rebuilt of %d: %v", out.Len(), len(want)-int(from), err)
	}
	return wire
}

func TestAChangedLayerCrossesAsADelta(t *testing.T) {
	t.Parallel()
	base := noisyTar(t, 40, 50_000, func(int) bool { return false })
	target := noisyTar(t, 41, 50_000, func(i int) bool { return i == 7 })
	_, client, image := publish(t, base, target)
	d, err := client.Describe(t.Context())
	if err != nil || !slices.Contains(d.Capabilities, rpc.CapabilityImageDelta) {
		t.Errorf("%+v %v", d, err)
	}
	plans, err := client.Plan(t.Context(), image.Repository, []layers.Range{{Layer: image.Layers[1], Delta: true}}, []artifact.Digest{image.Layers[0].DiffID})
	if err != nil || len(plans) != 1 || !plans[0].Delta || plans[0].Unpacked != int64(len(target)) {
		t.Fatalf("%+v %v", plans, err)
	}
	for _, from := range []int64{0, 1, 400_000, int64(len(target)) - 1} {
		wire := rebuild(t, client, image, base, target, from)
		if from == 0 && wire != plans[0].Wire || wire > 110_000 {
			t.Errorf("from %d, %d bytes crossed, planned were %d", from, wire, plans[0].Wire)
		}
	}
}

func TestPeakMemoryIsBoundedWhileDeltasAreSent(t *testing.T) {
	if testing.Short() {
		t.Skip("copies layers of 48 MB")
	}
	base := noisyTar(t, 48, 1<<20, func(int) bool { return false })
	target := noisyTar(t, 48, 1<<20, func(i int) bool { return i%4 == 3 }) // more than is held back
	p, client, image := publish(t, base, target)
	before := peakRSS(t, p.cmd.Process.Pid)
	ranges := []layers.Range{{Layer: image.Layers[1], Delta: true}, {Layer: image.Layers[0]}}
	var deltas, served atomic.Int64
	var wg sync.WaitGroup
	for range 10 { // more than an agent serves at once
		wg.Go(func() {
			// Of those that are served some get no turn in time, and the blob.
			err := client.Stream(t.Context(), image.Repository, ranges, []artifact.Digest{image.Layers[0].DiffID}, func(p layers.Piece) error {
				if p.Delta != nil {
					deltas.Add(1)
				}
				return nil
			})
			switch {
			case err == nil:
				served.Add(1)
			case fault.ReasonOf(err) != fault.Busy || !fault.Retryable(err):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if served.Load() < 8 {
		t.Errorf("%d streams were served, want 8 at least", served.Load())
	}
	peak := peakRSS(t, p.cmd.Process.Pid)
	t.Logf("%.1f MiB, %.1f while the layers were copied; %d batches", float64(peak)/(1<<20), float64(before)/(1<<20), deltas.Load())
	if peak > 64<<20 {
		t.Errorf("peak of %d bytes", peak)
	}
}
