package k3s_test

import (
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func (w *world) stage(image artifact.Pinned) error {
	w.events = nil
	return w.target().Stage(w.t.Context(), w.spec.Ref, image, w.emit)
}

func (w *world) points() (points []workload.Point) {
	for _, e := range w.events {
		points = append(points, e.Point)
	}
	return points
}

func TestStagingGivesTheCommitsNameToTheDigestsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.images[3].Pinned
	w.must(w.stage(image))
	if want := []workload.Point{workload.PointTransfer, workload.PointLoad, workload.PointStaged}; !slices.Equal(w.points(), want) {
		t.Errorf("%v, want %v", w.points(), want)
	}
	if e := w.events[0]; e.Done != 100 || e.Total != 110 { // the lower layer is there
		t.Errorf("%+v", e)
	}
	got, there, err := w.node.Image(t.Context(), w.ref(3))
	if w.must(err); !there || got.Config != image.Config || !got.Pinned {
		t.Errorf("%v, %+v", there, got)
	}
	w.must(w.stage(image))
	if want := []workload.Point{workload.PointStaged}; !slices.Equal(w.points(), want) {
		t.Errorf("again: %v, want %v", w.points(), want)
	}
	w.node.Rename(w.ref(3), w.ref(0))
	w.must(w.stage(image))
	if got, _, _ = w.node.Image(t.Context(), w.ref(3)); got.Config != image.Config {
		t.Error("a name that was moved has not come back")
	}
}

func TestTheDiskIsJudgedByWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Fill(10)
	w.must(w.stage(w.images[3].Pinned))
	w.node.Remove(w.ref(3))
	w.node.Fill(9)
	w.fails(w.stage(w.images[3].Pinned), fault.DiskFull)
	// A registry that returns no layers: all count.
	w.node.Fill(109)
	w.node.Before = at("Pinned", 1, func() error { return fault.Transient(fault.RegistryUnavailable, "no registry") })
	w.fails(w.stage(w.images[3].Pinned), fault.DiskFull)
}

func TestAnotherConfigThanTheAskedIsNotStaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.images[3].Pinned
	image.Config = artifact.DigestOf([]byte("another"))
	w.fails(w.stage(image), fault.DigestMismatch)
	if _, there, _ := w.node.Image(t.Context(), w.ref(3)); there {
		t.Error("it has the commit's name")
	}
}

func TestANameThatMeansAnotherImageIsNotSwitchedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Rename(w.ref(1), w.ref(2))
	w.fails(w.apply(w.change(1, "b")), fault.DigestMismatch, w.ref(1), w.images[2].Config.String())
	w.clean()
	w.node.Remove(w.ref(1))
	w.fails(w.apply(w.change(1, "b")), fault.ImageUnavailable, "is not here any more")
	w.runs(0, was)
	w.must(w.stage(w.images[1].Pinned))
	c := w.change(1, "b")
	w.node.After = at("Image "+w.ref(1), 1, func() error { w.node.Remove(w.ref(1)); return nil }) // the first is the snapshot's
	w.node.Before = at("Stamp", 1, func() error { t.Error("it is patched in"); return nil })
	w.fails(w.apply(c), fault.ImageUnavailable, "is not here any more")
}

// A version that was proven before is found on the node and staged without the registry.
func TestAnImageThatTheNodeHasNeedsNoRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.images[3].Pinned
	w.must(w.stage(image))
	w.node.Before = at("Pinned", 1, func() error { t.Error("the registry is asked"); return nil })
	found, there, err := w.target().FindImage(t.Context(), w.spec.Ref, image)
	if w.must(err); !there || found.Pinned != image || found.Labels[artifact.LabelRevision] != image.Commit.String() {
		t.Errorf("%v, %+v", there, found)
	}
	w.must(w.stage(image))
	other := image
	other.Config = artifact.DigestOf([]byte("another"))
	if _, there, err := w.target().FindImage(t.Context(), w.spec.Ref, other); there || err != nil {
		t.Errorf("another config: %v, %v", there, err)
	}
	w.node.Remove(w.ref(3))
	if _, there, err := w.target().FindImage(t.Context(), w.spec.Ref, image); there || err != nil {
		t.Errorf("gone: %v, %v", there, err)
	}
}
