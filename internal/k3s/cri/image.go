package cri

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Image is an image that CRI has.
type Image struct {
	// Config is the digest of the config: CRI's id of the image.
	Config artifact.Digest
	// Manifests are the digests under which the image is known, in order: of its
	// manifest and, if a tag was pulled that means an index, of the index.
	Manifests []artifact.Digest
	// Names are repository:tag.
	Names []string
	// Labels are of the image's config. A key or value that is longer than any label
	// of ours can be is left out.
	Labels map[string]string
	// Entrypoint and Arguments are its command line, Folder is where that works.
	Entrypoint []string
	Arguments  []string
	Folder     string
	// Pinned is true if the kubelet does not remove it.
	Pinned bool
	// Size is that of the manifest, the config and the layers as the registry stores
	// them, in bytes.
	Size int64

	// chain is the key of the snapshot of all layers.
	chain string
}

// The longest labels that are handed on, and how many of them.
const (
	maxLabelKey   = 256
	maxLabelValue = 4 << 10
	maxLabels     = 256
)

// Image returns an image by what a pod or a name calls it: repository:tag,
// repository@sha256:<manifest> or sha256:<config>, which are what
// status.containerStatuses[].imageID holds. False means that CRI does not have it.
func (s *Store) Image(ctx context.Context, name string) (Image, bool, error) {
	// CRI also takes the first digits of an id, so that a word could mean any image.
	if _, err := artifact.ParseDigest(name); err != nil && !strings.Contains(name, "/") {
		return Image{}, false, fault.New(fault.InvalidRequest, "%.300q is not the full name or the id of an image", name)
	}
	ctx, cancel := short(ctx)
	defer cancel()
	answer, err := s.pulls.ImageStatus(ctx, &runtime.ImageStatusRequest{Image: &runtime.ImageSpec{Image: name}, Verbose: true})
	if err != nil {
		return Image{}, false, s.explain(ctx, err, "ask for image "+line(name))
	}
	if answer.Image == nil {
		return Image{}, false, nil
	}
	image, err := read(answer)
	return image, err == nil, err
}

func read(answer *runtime.ImageStatusResponse) (image Image, err error) {
	if image.Config, err = artifact.ParseDigest(answer.Image.Id); err != nil {
		return Image{}, fault.New(fault.EngineFailed, "CRI knows an image by the id %q, which is not a digest", line(answer.Image.Id))
	}
	for _, text := range answer.Image.RepoDigests {
		_, digest, _ := strings.Cut(text, "@")
		if d, err := artifact.ParseDigest(digest); err == nil && !slices.Contains(image.Manifests, d) {
			image.Manifests = append(image.Manifests, d)
		}
	}
	slices.SortFunc(image.Manifests, func(a, b artifact.Digest) int { return strings.Compare(a.String(), b.String()) })
	for _, name := range answer.Image.RepoTags {
		image.Names = append(image.Names, plain.Line(name))
	}
	slices.Sort(image.Names)
	image.Pinned, image.Size = answer.Image.Pinned, int64(min(answer.Image.Size, math.MaxInt64))
	var told struct {
		ChainID   string
		ImageSpec struct {
			Config struct {
				Labels          map[string]string
				Entrypoint, Cmd []string
				WorkingDir      string
			}
		}
	}
	if err := json.Unmarshal([]byte(answer.Info["info"]), &told); err != nil {
		return Image{}, fault.New(fault.EngineFailed, "CRI does not tell the config of %s: %w", image.Config, err)
	}
	config := told.ImageSpec.Config
	image.Entrypoint, image.Arguments, image.Folder = config.Entrypoint, config.Cmd, config.WorkingDir
	image.chain, image.Labels = told.ChainID, map[string]string{}
	for key, value := range told.ImageSpec.Config.Labels {
		if len(key) <= maxLabelKey && len(value) <= maxLabelValue && len(image.Labels) < maxLabels {
			image.Labels[plain.Line(key)] = plain.Line(value)
		}
	}
	return image, nil
}
