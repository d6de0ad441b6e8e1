package pull

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// maxDetail is the most that is read of a manifest or a config only to describe
// it: several are read at once, and real ones are some kilobytes.
const maxDetail = 1 << 20

// Details reads an image's manifest and config: the bytes of its layers as stored, and
// when it was built, the zero time if the config does not have it. Of an index that is
// the image for the platform. The documents are hashed; what is in them is their
// builder's word, for people.
func (r *Registry) Details(ctx context.Context, repo artifact.Repository, d artifact.Digest, want artifact.Platform) (size int64, created time.Time, err error) {
	m, err := r.pinned(ctx, repo, d)
	if err != nil {
		return 0, time.Time{}, err
	}
	if types.MediaType(m.mediaType).IsIndex() {
		if m, err = r.member(ctx, repo, m, want, maxDetail); err != nil {
			return 0, time.Time{}, err
		}
	}
	var names struct{ Layers []struct{ Size int64 } }
	if err := json.Unmarshal(m.bytes, &names); err != nil {
		return 0, time.Time{}, invalid("manifest %s: %w", m.digest, err)
	}
	for _, l := range names.Layers {
		const most = 1 << 50 // so that the sum stays true
		if l.Size < 0 || l.Size > most || size > most {
			return 0, time.Time{}, invalid("manifest %s has a layer of %d bytes", m.digest, l.Size)
		}
		size += l.Size
	}
	content, err := r.config(ctx, repo, m, maxDetail)
	if err != nil {
		return 0, time.Time{}, err
	}
	var config struct{ Created time.Time }
	if err := json.Unmarshal(content, &config); err != nil {
		return 0, time.Time{}, invalid("config of manifest %s: %w", m.digest, err)
	}
	return size, config.Created.UTC(), nil
}

// Built returns the image of a commit, as [Registry.Resolve] does, and when it was built,
// which is the zero time if the config states none. It is for work that no caller waits
// for: a manifest or a config of more than 1 MiB is ARTIFACT_INVALID.
func (r *Registry) Built(ctx context.Context, repo artifact.Repository, commit artifact.Commit, want artifact.Platform) (artifact.Image, time.Time, error) {
	img, err := r.resolve(ctx, repo, commit, want, maxDetail, maxDetail)
	if err != nil {
		return artifact.Image{}, time.Time{}, err
	}
	var config struct{ Created time.Time }
	if err := json.Unmarshal(img.ConfigBytes, &config); err != nil {
		return artifact.Image{}, time.Time{}, invalid("config of manifest %s: %w", img.Manifest, err)
	}
	return img, config.Created.UTC(), nil
}

// pinned reads a small manifest or index by its digest.
func (r *Registry) pinned(ctx context.Context, repo artifact.Repository, d artifact.Digest) (document, error) {
	m, err := r.manifest(ctx, repo, d.String(), maxDetail)
	if err == nil && m.digest != d {
		err = fault.New(fault.DigestMismatch, "manifest %s hashes to %s", d, m.digest)
	}
	return m, err
}
