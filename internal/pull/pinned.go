package pull

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Pinned returns the whole image that its digests name. No tag is read. It fails as
// [Registry.Resolve] does, and with DIGEST_MISMATCH if the manifest names another config.
func (r *Registry) Pinned(ctx context.Context, image artifact.Pinned) (artifact.Image, error) {
	m, err := r.manifest(ctx, image.Repository, image.Manifest.String(), artifact.MaxManifest)
	if err != nil {
		return artifact.Image{}, err
	}
	raw := artifact.Raw{
		Repository: image.Repository, Commit: image.Commit, Index: image.Index,
		Manifest: image.Manifest, ManifestMediaType: m.mediaType, ManifestBytes: m.bytes,
	}
	if raw.ConfigBytes, err = r.config(ctx, image.Repository, m, artifact.MaxConfig); err != nil {
		return artifact.Image{}, err
	}
	whole, err := artifact.ParseImage(raw)
	whole.Registry = r.host
	if err == nil && whole.Config != image.Config {
		err = fault.New(fault.DigestMismatch, "manifest %s of %s has config %s, want %s", image.Manifest, image.Repository, whole.Config, image.Config)
	}
	return whole, err
}
