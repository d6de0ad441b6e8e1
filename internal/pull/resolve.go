package pull

import (
	"cmp"
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
// says, ARTIFACT_INVALID when it is no image or parts of it are gone.
func (r *Registry) Resolve(ctx context.Context, repo artifact.Repository, commit artifact.Commit, want artifact.Platform) (artifact.Image, error) {
	return r.resolve(ctx, repo, commit, want, artifact.MaxManifest, artifact.MaxConfig)
}

// resolve is Resolve for documents that are not larger than given.
func (r *Registry) resolve(ctx context.Context, repo artifact.Repository, commit artifact.Commit, want artifact.Platform, manifest, config int64) (artifact.Image, error) {
	raw := artifact.Raw{Repository: repo, Commit: commit}
	top, err := r.manifest(ctx, repo, commit.String(), manifest)
	if fault.ReasonOf(err) == fault.ArtifactNotFound { // the same in more words
		return artifact.Image{}, fault.New(fault.ArtifactNotFound, "the registry has no image of %s at %s", path.Base(repo.String()), commit.Short()).
			WithHint("CI has not published it, or the commit is another service's")
	}
	if err != nil {
		return artifact.Image{}, err
	}
	m := top
	if types.MediaType(top.mediaType).IsIndex() {
		raw.Index = top.digest
		if m, err = r.member(ctx, repo, top, want, manifest); err != nil {
			return artifact.Image{}, err
		}
	}
	raw.Manifest, raw.ManifestMediaType, raw.ManifestBytes = m.digest, m.mediaType, m.bytes
	if raw.ConfigBytes, err = r.config(ctx, repo, m, config); err != nil {
		return artifact.Image{}, err
	}
	img, err := artifact.ParseImage(raw)
	if err != nil {
		return artifact.Image{}, err
	}
	// The config is what the engine goes by; an index entry's platform is only a label.
	if !runs(want, img.Platform) {
		return artifact.Image{}, fault.New(fault.PlatformNotFound, "%s:%s is for %s, not for %s", repo, commit, named(img.Platform), want).
			WithHint("publish the commit for %s", want)
	}
	img.Registry = r.host
	return img, nil
}

// member reads the image that an index has for the platform.
func (r *Registry) member(ctx context.Context, repo artifact.Repository, index document, want artifact.Platform, most int64) (document, error) {
	entry, err := choose(index, want)
	if err != nil {
		return document{}, err
	}
	m, err := r.manifest(ctx, repo, entry.Digest.String(), most)
	switch {
	case fault.ReasonOf(err) == fault.ArtifactNotFound:
		return m, invalid("the tag is there, its image is not: index %s names %s for %s, and the registry does not have it", index.digest, entry.Digest, want)
	case err != nil:
		return m, err
	case m.digest != entry.Digest || int64(len(m.bytes)) != entry.Size:
		return m, fault.New(fault.DigestMismatch, "manifest %s of %d bytes hashes to %s and has %d", entry.Digest, entry.Size, m.digest, len(m.bytes)).
			WithHint("publish the commit again")
	case types.MediaType(m.mediaType).IsIndex():
		return m, invalid("index %s has a further index for %s, not an image", index.digest, want)
	}
	return m, nil
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

// check refuses a document that can be read in two ways: with a media type other than
// the served one, or as a manifest and an index at once (CVE-2021-41190, OCI image
// specification 1.0.2).
func (d document) check() error {
	var probe struct {
		MediaType, ArtifactType string
		Config                  *struct{ MediaType string }
		Layers, Manifests       json.RawMessage
	}
	if err := json.Unmarshal(d.bytes, &probe); err != nil {
		return invalid("manifest %s: %w", d.digest, err)
	}
	index := types.MediaType(d.mediaType).IsIndex()
	switch {
	case !index && !types.MediaType(d.mediaType).IsImage():
		return invalid("%s is no container image but %.80q", d.digest, d.mediaType)
	case probe.MediaType != "" && probe.MediaType != d.mediaType:
		return invalid("manifest %s says it is %.80q and was served as %s", d.digest, probe.MediaType, d.mediaType)
	case index && (probe.Config != nil || probe.Layers != nil), !index && probe.Manifests != nil:
		return invalid("manifest %s is a manifest and an index at once", d.digest)
	case probe.Config != nil && probe.Config.MediaType != "" && !types.MediaType(probe.Config.MediaType).IsConfig():
		// What else lies in registries, such as a chart of Helm, has a manifest of an image.
		return invalid("%s is no container image but %.80q", d.digest, cmp.Or(probe.ArtifactType, probe.Config.MediaType))
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
		return nil, invalid("manifest %s names no config", m.digest)
	}
	if n := names.Config.Size; n <= 0 || n > most {
		return nil, invalid("config of manifest %s has %d bytes; 1 to %d are possible", m.digest, n, most)
	}
	blob, err := r.Blob(ctx, repo, names.Config.Digest, names.Config.Size)
	if fault.ReasonOf(err) == fault.ArtifactNotFound {
		return nil, invalid("the tag is there, its image is not: manifest %s names config %s, and the registry does not have it", m.digest, names.Config.Digest)
	}
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return readAll(blob, names.Config.Size, most)
}
