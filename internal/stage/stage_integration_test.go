//go:build integration

package stage_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
)

// It runs on each engine that `make test` and `make engines` have. A containerd
// store before 28.0 and multi-platform images that were pulled before are not tried.
func TestAnImageIsStagedOnARealEngine(t *testing.T) {
	base := gzipLayer(t, files(1, 3<<20))
	first := newProduct(t, base, gzipLayer(t, files(2, 12<<20)), gzipLayer(t, files(3, 20<<20)), newZstdLayer(t, files(4, 9<<20)))
	next := newProduct(t, base, gzipLayer(t, files(2, 12<<20)), gzipLayer(t, files(5, 1<<20)))
	c, spool := newEngine(t, realEngine(t)), newSpool(t, 0)
	for i, want := range []int64{first.Bytes, next.Layers[2].Size, 0} {
		p := []product{first, next, next}[i]
		var r record
		staged, err := stage.New(c, spool, p.source()).Stage(t.Context(), p.Image, p.tag(), r.emit)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v", r.points(), staged)
		if staged.BytesReceived != want {
			t.Errorf("%d bytes crossed instead of %d", staged.BytesReceived, want)
		}
		got, err := c.Image(t.Context(), p.tag())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{p.tag()}, got.Tags); diff != "" {
			t.Error(diff)
		}
		if got.ID != staged.ImageID || got.Config != p.Config || !got.Complete {
			t.Errorf("%+v", got)
		}
	}
	all, err := c.AllImages(t.Context())
	if err != nil || len(all) != 2 {
		t.Errorf("%d images, %v", len(all), err)
	}
	for _, p := range []product{first, next} {
		if err := c.Untag(t.Context(), p.tag()); err != nil {
			t.Error(err)
		}
	}
}
