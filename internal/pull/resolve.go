package pull

import (
	"context"
	"encoding/json"
	"net/http"
	"path"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// manifestTypes returns what is accepted under a tag: no schema 1, which names its
// layers by what they are not hashed to.
func manifestTypes() []string {
	return []string{
		string(types.OCIManifestSchema1), string(types.DockerManifestSchema2),
		string(types.OCIImageIndex), string(types.DockerManifestList),
	}
}

// Resolve turns a repository and a commit into an image, verified down to its
// config. It is the only read of a tag.
//
// ARTIFACT_NOT_FOUND without such a tag, PLATFORM_NOT_FOUND when what is there
// is for another platform, DIGEST_MISMATCH when an answer is not what its digest
// says, INVALID_REQUEST when it is no image.
func (r *Registry) Resolve(ctx context.Context, repo artifact.Repository, commit artifact.Commit, want artifact.Platform) (artifact.Image, error) {
	raw := artifact.Raw{Repository: repo, Commit: commit}
	top, err := r.manifest(ctx, repo, commit.String(), artifact.MaxManifest)
	if fault.ReasonOf(err) == fault.ArtifactNotFound { // which says the same in more words
		return artifact.Image{}, fault.New(fault.ArtifactNotFound, "the registry has no image of %s at %s", path.Base(repo.String()), commit.Short()).
			WithHint("CI has not published it, or the commit is another service's")
	}
	if err != nil {
		return artifact.Image{}, err
	}
	m := top
	if types.MediaType(top.mediaType).IsIndex() {
		raw.Index = top.digest
		entry, err := choose(top, want)
		if err != nil {
			return artifact.Image{}, err
		}
		if m, err = r.manifest(ctx, repo, entry.Digest.String(), artifact.MaxManifest); err != nil {
			return artifact.Image{}, err
		}
		if m.digest != entry.Digest || int64(len(m.bytes)) != entry.Size {
			return artifact.Image{}, fault.New(fault.DigestMismatch,
				"manifest %s of %d bytes hashes to %s and has %d", entry.Digest, entry.Size, m.digest, len(m.bytes))
		}
	}
	raw.Manifest, raw.ManifestMediaType, raw.ManifestBytes = m.digest, m.mediaType, m.bytes
	if raw.ConfigBytes, err = r.config(ctx, repo, m, artifact.MaxConfig); err != nil {
		return artifact.Image{}, err
	}
	img, err := artifact.ParseImage(raw)
	if err != nil {
		return artifact.Image{}, err
	}
	// The config is what the engine goes by; an index entry's platform is only a label.
	if !fits(want, img.Platform) {
		return artifact.Image{}, fault.New(fault.PlatformNotFound, "%s:%s is for %s, not for %s", repo, commit, img.Platform, want)
	}
	return img, nil
}

// document is a manifest or an index, as stored.
type document struct {
	digest    artifact.Digest
	mediaType string
	bytes     []byte
}

func (r *Registry) manifest(ctx context.Context, repo artifact.Repository, ref string, most int64) (document, error) {
	resp, err := r.get(ctx, http.MethodGet, repo.String()+"/manifests/"+ref, manifestTypes()...)
	if err != nil {
		return document{}, err
	}
	defer resp.Body.Close()
	b, err := readAll(resp.Body, resp.ContentLength, most)
	if err != nil {
		return document{}, err
	}
	d := document{artifact.DigestOf(b), resp.Header.Get("Content-Type"), b}
	return d, d.check()
}

// check refuses a document that can be read in two ways: with a media type other
// than the one it was served with, or as a manifest and an index at once
// (CVE-2021-41190, OCI image specification 1.0.2).
func (d document) check() error {
	var probe struct {
		MediaType                 string
		Config, Layers, Manifests json.RawMessage
	}
	if err := json.Unmarshal(d.bytes, &probe); err != nil {
		return fault.New(fault.InvalidRequest, "manifest %s: %w", d.digest, err)
	}
	index := types.MediaType(d.mediaType).IsIndex()
	switch {
	case !index && !types.MediaType(d.mediaType).IsImage():
		return fault.New(fault.InvalidRequest, "manifest %s has media type %.80q, which is no image", d.digest, d.mediaType)
	case probe.MediaType != "" && probe.MediaType != d.mediaType:
		return fault.New(fault.InvalidRequest, "manifest %s says it is %.80q and was served as %s", d.digest, probe.MediaType, d.mediaType)
	case index && (probe.Config != nil || probe.Layers != nil), !index && probe.Manifests != nil:
		return fault.New(fault.InvalidRequest, "manifest %s is a manifest and an index at once", d.digest)
	}
	return nil
}

// config reads the config blob that a manifest names.
func (r *Registry) config(ctx context.Context, repo artifact.Repository, m document, most int64) ([]byte, error) {
	var names struct {
		Config struct {
			Digest artifact.Digest
			Size   int64
		}
	}
	if err := json.Unmarshal(m.bytes, &names); err != nil || names.Config.Digest.IsZero() {
		return nil, fault.New(fault.InvalidRequest, "manifest %s names no config", m.digest)
	}
	if n := names.Config.Size; n <= 0 || n > most {
		return nil, fault.New(fault.InvalidRequest, "config of manifest %s has %d bytes; 1 to %d are possible", m.digest, n, most)
	}
	blob, err := r.Blob(ctx, repo, names.Config.Digest, names.Config.Size)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return readAll(blob, names.Config.Size, most)
}
