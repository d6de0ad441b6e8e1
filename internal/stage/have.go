package stage

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// present reports whether the engine has the image; if so, it gives the image its tag.
func (r *run) present(ctx context.Context) (string, bool, error) {
	got, err := r.engine.Image(ctx, r.info.Store.ID(r.image.Pinned))
	if errors.Is(err, engine.ErrNotFound) {
		return "", false, nil
	}
	if err != nil || !got.Complete || !r.same(got) {
		return "", false, r.refused(err)
	}
	if !slices.Contains(got.Tags, r.tag) {
		err = r.engine.Tag(ctx, got.ID, r.tag)
	}
	return got.ID, err == nil, err
}

// prefix returns how many leading layers the engine has. done means that the probe for
// them has made the image already.
func (r *run) prefix(ctx context.Context) (n int, done bool, err error) {
	if r.distrust {
		return 0, false, nil
	}
	if n, err = common(ctx, r.engine, r.image); err != nil || n > 0 || !r.probe {
		return n, false, err
	}
	// No image shares a layer, yet the build cache may hold some: BuildKit keeps base
	// images that way, and no API lists them. An archive without layers is refused with
	// the name of the first missing layer, in 0.07 s (measured, 20.10), or makes the
	// image. If the answer misleads, a load fails and is mended.
	r.probe = false
	archive := engine.NewArchive(r.image, r.tag)
	_, err = r.engine.Load(ctx, archive, minStall)
	if err == nil {
		return len(r.image.Layers), true, nil
	}
	if fault.ReasonOf(err) != fault.EngineFailed {
		return 0, false, err
	}
	n, _ = archive.MissingLayer(err)
	return n, false, nil
}

// common is the longest run of leading layers that some image in the engine has.
func common(ctx context.Context, e Engine, image artifact.Image) (n int, err error) {
	all, err := e.AllImages(ctx)
	if err != nil {
		return 0, err
	}
	want := diffIDs(image)
	for _, i := range all {
		if i.Complete {
			n = max(n, i.CommonLayers(want))
		}
	}
	return n, nil
}

// tidy removes what only staging needed: prefix images, of killed runs too, whose
// blobs are still in the spool, and this image's blobs, of which the cache gets those
// that may be a base. What cannot be removed now is removed the next time.
func (r *run) tidy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	prefixes, _ := r.engine.ImagesWithLabel(ctx, engine.StagingLabel)
	for _, i := range prefixes {
		// A name would have been given by a person, for some reason.
		if len(i.Tags) == 0 {
			_ = r.engine.RemoveImage(ctx, i.ID)
		}
	}
	for _, l := range r.image.Layers {
		if l.Digest == l.DiffID && r.spool.Has(l.Digest) {
			_ = r.spool.Keep(ctx, l, r.keep)
		}
		_ = r.spool.Remove(l.Digest)
	}
	r.remember()
}

func diffIDs(image artifact.Image) []artifact.Digest {
	ids := make([]artifact.Digest, len(image.Layers))
	for i, l := range image.Layers {
		ids[i] = l.DiffID
	}
	return ids
}
