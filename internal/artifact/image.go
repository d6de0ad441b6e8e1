package artifact

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Limits on what a registry may hand out for one image: containerd caps its JSON
// at 20 MiB, the classic Docker store stacks at most 125 layers.
const (
	MaxManifest = 4 << 20
	MaxConfig   = 8 << 20
	MaxLayers   = 125
)

// Platform is the OCI platform that an image runs on.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// platformForm is what GOOS, GOARCH and OCI's variants consist of.
var platformForm = regexp.MustCompile(`^[a-z0-9]{1,32}/[a-z0-9_]{1,32}(/[a-z0-9]{1,32})?$`)

// ParsePlatform reads os/architecture[/variant].
func ParsePlatform(s string) (Platform, error) {
	if !platformForm.MatchString(s) {
		return Platform{}, fault.New(fault.InvalidRequest, "%.100q is not os/architecture", s)
	}
	parts := append(strings.Split(s, "/"), "")
	return Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}, nil
}

// String returns os/architecture[/variant].
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Layer is one layer of an image: the blob as the registry stores it and the
// digest of its uncompressed tar.
type Layer struct {
	Digest    Digest
	DiffID    Digest
	Size      int64
	MediaType string
}

// Image is the image of one platform, resolved from a commit's tag once. Everything in
// it follows from the digest of its manifest.
type Image struct {
	Pinned
	ManifestMediaType string
	ManifestBytes     []byte
	ConfigBytes       []byte
	Platform          Platform
	Labels            map[string]string
	Layers            []Layer
	// Volumes are the folders that each container gets a volume for, Command is its
	// program with the arguments, Folder where it works.
	Volumes []string
	Command []string
	Folder  string
	// Registry is the host and port of the registry that it was resolved in, as its reader
	// names it; "" if it does not. Alone of all it does not follow from the digest.
	Registry string
}

// Raw is what Parse makes an Image of: a manifest and a config, as stored.
type Raw struct {
	Repository        Repository
	Commit            Commit
	Index             Digest
	Manifest          Digest
	ManifestMediaType string
	ManifestBytes     []byte
	ConfigBytes       []byte
}

// ParseImage builds an Image out of untrusted bytes. It fails with DIGEST_MISMATCH when
// the manifest is not what its digest says or does not name this config, and with
// ARTIFACT_INVALID when either is not an image's.
func ParseImage(raw Raw) (Image, error) {
	if len(raw.ManifestBytes) > MaxManifest || len(raw.ConfigBytes) > MaxConfig {
		return Image{}, invalid("manifest or config of %s is too large", raw.Repository)
	}
	if got := DigestOf(raw.ManifestBytes); got != raw.Manifest {
		return Image{}, fault.New(fault.DigestMismatch, "manifest hashes to %s, not %s", got, raw.Manifest)
	}
	var m struct {
		Config struct{ Digest Digest }
		Layers []struct {
			Digest    Digest
			Size      int64
			MediaType string
		}
	}
	if err := json.Unmarshal(raw.ManifestBytes, &m); err != nil {
		return Image{}, invalid("manifest %s: %w", raw.Manifest, err)
	}
	if got := DigestOf(raw.ConfigBytes); got != m.Config.Digest {
		return Image{}, fault.New(fault.DigestMismatch, "config hashes to %s, the manifest names %s", got, m.Config.Digest)
	}
	var c struct {
		Platform
		Config struct {
			Labels          map[string]string
			Volumes         map[string]struct{}
			Entrypoint, Cmd []string
			WorkingDir      string
		}
		RootFS struct {
			DiffIDs []Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(raw.ConfigBytes, &c); err != nil {
		return Image{}, invalid("config %s: %w", m.Config.Digest, err)
	}
	if n := len(m.Layers); n == 0 || n > MaxLayers || n != len(c.RootFS.DiffIDs) {
		return Image{}, invalid("manifest %s names %d layers, its config %d; 1 to %d are possible", raw.Manifest, n, len(c.RootFS.DiffIDs), MaxLayers)
	}
	img := Image{
		Pinned:            Pinned{Repository: raw.Repository, Commit: raw.Commit, Index: raw.Index, Manifest: raw.Manifest, Config: m.Config.Digest},
		ManifestMediaType: raw.ManifestMediaType, ManifestBytes: raw.ManifestBytes, ConfigBytes: raw.ConfigBytes,
		Platform: c.Platform, Labels: c.Config.Labels,
		Volumes: slices.Sorted(maps.Keys(c.Config.Volumes)), Command: slices.Concat(c.Config.Entrypoint, c.Config.Cmd), Folder: c.Config.WorkingDir,
	}
	for i, l := range m.Layers {
		if l.Size <= 0 || l.Digest.IsZero() || c.RootFS.DiffIDs[i].IsZero() {
			return Image{}, invalid("manifest %s: layer %d has no size or digest", raw.Manifest, i)
		}
		img.Layers = append(img.Layers, Layer{Digest: l.Digest, DiffID: c.RootFS.DiffIDs[i], Size: l.Size, MediaType: l.MediaType})
		if img.Bytes += l.Size; img.Bytes < 0 {
			return Image{}, invalid("manifest %s: the sizes of its layers have no sum", raw.Manifest)
		}
	}
	return img, nil
}

// invalid is what a registry has that cannot be an image: to ask again is of no use.
func invalid(format string, args ...any) error {
	return fault.New(fault.ArtifactInvalid, format, args...).WithHint("publish the commit again")
}

// Familiar returns the name of an image in Docker's short form, in which an
// engine answers: without what Docker adds to the names of its own hub.
func Familiar(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
}
