//go:build integration

package cri_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
)

func TestAnImageIsPulledByItsDigestAndKeptUnderItsCommit(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ctx := t.Context()
	v, err := w.store.Version(ctx)
	if err != nil || v.Name != "containerd" || v.Version == "" {
		t.Errorf("%+v, %v", v, err)
	}
	one := w.publish("1", w.layer(1<<20), w.layer(1<<10))
	// Another push gives the commit's tag another image after it was resolved.
	moved := w.publish("1", w.layer(1<<10))
	if one.Manifest == moved.Manifest {
		t.Fatal("the tag did not move")
	}
	w.must(w.store.Pull(ctx, one.Pinned))
	byDigest, tag := byDigest(w.registry.Addr, one), ref(w.registry.Addr, one)
	if _, there := w.image(tag); there {
		t.Error("a pull by digest makes the tag's name")
	}
	want := cri.Image{Config: one.Config, Manifests: []artifact.Digest{one.Manifest}, Labels: one.Labels, Entrypoint: []string{"/app/server"}, Arguments: []string{"serve"}, Folder: "/app"}
	same := func(name string) {
		t.Helper()
		got, there := w.image(name)
		if got.Size < one.Bytes || got.Size > one.Bytes+8<<10 {
			t.Errorf("%d bytes, want some more than %d", got.Size, one.Bytes)
		}
		want.Size = got.Size
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b artifact.Digest) bool { return a == b }), cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "chain" }, cmp.Ignore())); !there || diff != "" {
			t.Errorf("%s: %t %s", name, there, diff)
		}
	}
	same(byDigest)

	for range 2 { // the second time is cheap, and changes nothing
		w.must(w.store.Name(ctx, one.Pinned))
		want.Names, want.Pinned = []string{tag}, true
		for _, name := range []string{byDigest, tag, one.Config.String()} { // as pods have it
			same(name)
		}
		w.must(w.store.Pull(ctx, one.Pinned))
	}
	held, err := w.store.Held(ctx, one.Repository)
	if err != nil || !slices.Equal(held, []string{tag}) {
		t.Errorf("%v, %v", held, err)
	}

	// Without the registry what is there is as good.
	w.must(w.registry.Stop())
	w.must(w.store.Pull(ctx, one.Pinned))
	w.must(w.store.Name(ctx, one.Pinned))
	w.must(w.registry.Start(ctx))

	// The name moves to an image that was built again from the same commit.
	w.must(w.store.Pull(ctx, moved.Pinned))
	w.must(w.store.Name(ctx, moved.Pinned))
	if got, _ := w.image(tag); got.Config != moved.Config || !got.Pinned {
		t.Errorf("%+v", got)
	}
	w.eventually("the first image lost its pin with its name", func() bool { i, _ := w.image(byDigest); return !i.Pinned && len(i.Names) == 0 })

	for range 2 {
		w.must(w.store.Release(ctx, tag))
	}
	w.eventually("the name is gone", func() bool { _, there := w.image(tag); return !there })
	w.eventually("the pin is gone", func() bool { i, _ := w.image(moved.Config.String()); return !i.Pinned })
	if _, there := w.image(moved.Config.String()); !there {
		t.Error("the image is gone with its name")
	}
	if held, err := w.store.Held(ctx, one.Repository); err != nil || len(held) != 0 {
		t.Errorf("%v, %v", held, err)
	}
}

func TestOnlyNamesOfOursAreTakenAway(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ctx := t.Context()
	one := w.publish("1", w.layer(1<<10))
	other := w.push(w.registry.Addr, "unidesk/x-other", strings.Repeat("2", 40), w.build(nil, w.layer(1<<10)))
	name, foreign := ref(w.registry.Addr, one), ref(w.registry.Addr, other)
	// The kubelet pulls tags; an operator's archive is pinned by k3s.
	_, err := runtimeapi.NewImageServiceClient(w.raw).PullImage(ctx, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: foreign}})
	w.must(err)
	_, err = images.NewImagesClient(w.raw).Update(w.others(), &images.UpdateImageRequest{Image: &images.Image{
		Name: foreign, Labels: map[string]string{"io.cri-containerd.image": "managed", "io.cri-containerd.pinned": "pinned", "io.cattle.k3s.pinned": "pinned"},
		Target: w.record(foreign).Target,
	}})
	w.must(err)
	before := w.record(foreign)
	w.must(w.store.Pull(ctx, one.Pinned))
	w.must(w.store.Name(ctx, one.Pinned))
	for _, name := range []string{foreign, byDigest(w.registry.Addr, one), one.Config.String(), "not/there:1"} {
		w.must(w.store.Release(ctx, name))
	}
	if after := w.record(foreign); !proto.Equal(after, before) {
		t.Errorf("%v became %v", before, after)
	}
	if held, err := w.store.Held(ctx, other.Repository); err != nil || len(held) != 0 {
		t.Errorf("%v, %v", held, err)
	}
	if _, there := w.image(byDigest(w.registry.Addr, one)); !there {
		t.Error("a name that CRI made is gone")
	}

	// Naming a name that the kubelet pulled takes it over, with the labels that it has.
	w.must(w.store.Pull(ctx, other.Pinned))
	w.must(w.store.Name(ctx, other.Pinned))
	if labels := w.record(foreign).Labels; labels[cri.OwnLabel] == "" || labels["io.cattle.k3s.pinned"] != "pinned" {
		t.Errorf("%v", labels)
	}
	if held, err := w.store.Held(ctx, one.Repository); err != nil || !slices.Equal(held, []string{name}) {
		t.Errorf("%v, %v", held, err)
	}

	// An image that the kubelet pulled has no pin, and gets it.
	two := w.publish("2", w.layer(1<<10))
	_, err = runtimeapi.NewImageServiceClient(w.raw).PullImage(ctx, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: ref(w.registry.Addr, two)}})
	w.must(err)
	w.must(w.store.Pull(ctx, two.Pinned))
	w.must(w.store.Name(ctx, two.Pinned))

	// What removes images looks for pins, and no further: the image goes, with all names.
	_, err = runtimeapi.NewImageServiceClient(w.raw).RemoveImage(ctx, &runtimeapi.RemoveImageRequest{Image: &runtimeapi.ImageSpec{Image: name}})
	w.must(err)
	w.fails(w.store.Name(ctx, one.Pinned), fault.ImageUnavailable, true)
	w.must(w.store.Pull(ctx, one.Pinned))
	w.must(w.store.Name(ctx, one.Pinned))
}

// record is what containerd holds under a name.
func (w *world) record(name string) *images.Image {
	w.Helper()
	got, err := images.NewImagesClient(w.raw).Get(w.others(), &images.GetImageRequest{Name: name})
	w.must(err)
	got.Image.UpdatedAt, got.Image.CreatedAt = nil, nil
	return got.Image
}

func TestOnlyLayersThatAreNotThereAreMissing(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ctx := t.Context()
	base, shared := w.layer(1<<20), w.layer(1<<20)
	one := w.publish("1", base, shared, w.layer(1<<10))
	two := w.publish("2", base, shared, w.layer(1<<12), w.layer(1<<13))
	// The same layer upon another base is another snapshot, of the same blob.
	three := w.publish("3", w.layer(1<<11), shared)
	missing := func(of artifact.Image, want ...artifact.Layer) {
		t.Helper()
		got, err := w.store.Missing(ctx, of.Layers)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	missing(one, one.Layers...)
	w.must(w.store.Pull(ctx, one.Pinned))
	missing(one)
	missing(two, two.Layers[2:]...)
	missing(three, three.Layers[0])

	// A node may be set to throw blobs away once they are unpacked.
	blobs := content.NewContentClient(w.raw)
	for _, l := range one.Layers {
		_, err := blobs.Delete(w.others(), &content.DeleteContentRequest{Digest: l.Digest.String()})
		w.must(err)
	}
	missing(one)
	missing(two, two.Layers[2:]...)
	missing(three, three.Layers...)
	w.must(w.store.Pull(ctx, one.Pinned)) // nothing to do
	w.must(w.store.Name(ctx, one.Pinned))

	// A person cleans the snapshotter up: CRI does not notice, a pull does.
	client := snapshots.NewSnapshotsClient(w.raw)
	top := w.chain(one.Config)
	_, err := client.Remove(w.others(), &snapshots.RemoveSnapshotRequest{Snapshotter: "overlayfs", Key: top})
	w.must(err)
	// containerd's garbage collection may have taken the snapshots below with it.
	if got, err := w.store.Missing(ctx, one.Layers); err != nil || len(got) == 0 || !slices.Equal(got, one.Layers[len(one.Layers)-len(got):]) {
		t.Errorf("%+v, %v, want the last of %+v", got, err, one.Layers)
	}
	if _, there := w.image(byDigest(w.registry.Addr, one)); !there {
		t.Error("CRI notices after all")
	}
	w.must(w.store.Pull(ctx, one.Pinned))
	if _, err := client.Stat(w.others(), &snapshots.StatSnapshotRequest{Snapshotter: "overlayfs", Key: top}); err != nil {
		t.Error(err)
	}
	missing(one)

	room, err := w.store.Room(ctx)
	if err != nil || room.Dir != w.node.Snapshots || room.Free <= 0 {
		t.Errorf("%+v, %v", room, err)
	}
}

// chain is the name of the snapshot of all layers, as CRI gives it.
func (w *world) chain(id artifact.Digest) string {
	w.Helper()
	answer, err := runtimeapi.NewImageServiceClient(w.raw).ImageStatus(w.Context(), &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: id.String()}, Verbose: true})
	w.must(err)
	_, rest, _ := strings.Cut(answer.Info["info"], `"chainID":"`)
	chain, _, _ := strings.Cut(rest, `"`)
	return chain
}

func TestAnImageIsAskedForByItsFullName(t *testing.T) {
	t.Parallel()
	w := begin(t)
	one := w.publish("1", w.layer(1<<10))
	w.must(w.store.Pull(t.Context(), one.Pinned))
	hex := one.Config.Hex()
	for _, short := range []string{"", hex, hex[:12], "sha256:" + hex[:12], "x"} {
		if got, there, err := w.store.Image(t.Context(), short); fault.ReasonOf(err) != fault.InvalidRequest || there {
			t.Errorf("%q: %+v, %v", short, got, err)
		}
	}
	for _, absent := range []string{one.Manifest.String(), "unidesk/x:1", w.registry.Addr + "/unidesk/x:1", byDigest(w.registry.Addr, one)[:80] + strings.Repeat("0", 30), "a b/c"} {
		if got, there := w.image(absent); there {
			t.Errorf("%q: %+v", absent, got)
		}
	}
}

// A version that was pulled and named before is found, and named again, without a registry.
func TestWhatIsThereNeedsNoRegistry(t *testing.T) {
	t.Parallel()
	w := begin(t)
	ctx := t.Context()
	one, never := w.publish("1", w.layer(1<<20), w.layer(1<<10)), w.publish("2", w.layer(1<<10))
	w.must(w.store.Pull(ctx, one.Pinned))
	w.must(w.store.Name(ctx, one.Pinned))
	w.must(w.registry.Stop())
	got, there, err := w.store.Whole(ctx, one.Pinned)
	if w.must(err); !there || got.Config != one.Config {
		t.Errorf("%t, %+v", there, got)
	}
	w.must(w.store.Pull(ctx, one.Pinned))
	w.must(w.store.Name(ctx, one.Pinned))
	if _, there, err := w.store.Whole(ctx, never.Pinned); there || err != nil {
		t.Errorf("an image that was never pulled: %t, %v", there, err)
	}
	w.must(w.registry.Start(ctx))
}
