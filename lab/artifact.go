package lab

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What is pushed from here on did not come out of the producer: artifacts that a
// consumer must refuse or see through, made from a good artifact.

// Image reads a published image back.
func (c *CI) Image(ctx context.Context, from Summary) (v1.Image, error) {
	ref, err := name.ParseReference(from.DigestRef)
	if err != nil {
		return nil, err
	}
	return remote.Image(ref, c.remote(ctx)...)
}

// Delete removes a published manifest, and its tag with it.
func (c *CI) Delete(ctx context.Context, from Summary) error {
	ref, err := name.NewDigest(from.DigestRef)
	if err != nil {
		return err
	}
	return remote.Delete(ref, c.remote(ctx)...)
}

// PushLabelled pushes a published image again under another commit's tag with
// some labels changed; a label set to "" is taken away.
func (c *CI) PushLabelled(ctx context.Context, from Summary, commit string, labels map[string]string) (Summary, error) {
	image, err := c.Image(ctx, from)
	if err == nil {
		image, err = relabel(image, labels)
	}
	if err != nil {
		return Summary{}, fmt.Errorf("relabel %s: %w", from.ImageRef, err)
	}
	return c.PushImage(ctx, from.ServiceID, commit, image)
}

// PushImage pushes any image as a service at a commit, whatever its labels.
func (c *CI) PushImage(ctx context.Context, service, commit string, image v1.Image) (Summary, error) {
	ref, err := name.NewTag(c.Ref(service, commit))
	if err == nil {
		err = remote.Write(ref, image, c.remote(ctx)...)
	}
	if err != nil {
		return Summary{}, fmt.Errorf("push %s: %w", c.Ref(service, commit), err)
	}
	digest, err := image.Digest()
	if err != nil {
		return Summary{}, err
	}
	return c.publish(service, c.sourceURL(service), commit, digest.String())
}

// PushIndex puts a published image into an index as builders with attestations push it: for its own
// platform, before it for another platform and for a later level of the same, which hold nothing
// that could run here, and with an attestation manifest of no platform. The index takes the tag
// over; the summary's digest is the index's.
func (c *CI) PushIndex(ctx context.Context, from Summary) (Summary, error) {
	image, err := c.Image(ctx, from)
	if err != nil {
		return Summary{}, fmt.Errorf("make an index of %s: %w", from.ImageRef, err)
	}
	digest, err := image.Digest()
	if err != nil {
		return Summary{}, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return Summary{}, err
	}
	dir, err := os.MkdirTemp(c.dir, "index-")
	if err != nil {
		return Summary{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	other, err := foreign(config, filepath.Join(dir, "layer"))
	if err != nil {
		return Summary{}, err
	}
	statement := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		mutate.IndexAddendum{Add: other, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "s390x"}}},
		// First of its architecture, and for processors of tomorrow: an engine passes it over.
		mutate.IndexAddendum{Add: other, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture, Variant: "v9"}}},
		mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture}}},
		mutate.IndexAddendum{Add: statement, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{
				"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest.String(),
			},
		}})
	ref, err := name.NewTag(from.ImageRef)
	if err == nil {
		err = remote.WriteIndex(ref, index, c.remote(ctx)...)
	}
	if err != nil {
		return Summary{}, fmt.Errorf("push the index of %s: %w", from.ImageRef, err)
	}
	of, err := index.Digest()
	if err != nil {
		return Summary{}, err
	}
	return c.publish(from.ServiceID, from.SourceRepo, from.SourceCommit, of.String())
}

// Compression is how a layer is stored in the registry.
type Compression string

// The compressions that registries hold in practice.
const (
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
	None Compression = "none"
)

// PushLayered pushes a published image again under another commit's tag, with
// layers put below its own: an image that is large, or compressed as asked, and
// still runs. It is much faster than a build, and nothing of it is kept in memory.
func (c *CI) PushLayered(ctx context.Context, from Summary, commit string, how Compression, layers ...Layer) (Summary, error) {
	return c.pushStacked(ctx, from, commit, how, layers, nil)
}

// PushTopped is PushLayered with the layer put above the image's own: the only layer
// that another commit with another top has to bring.
func (c *CI) PushTopped(ctx context.Context, from Summary, commit string, how Compression, top Layer) (Summary, error) {
	return c.pushStacked(ctx, from, commit, how, nil, []Layer{top})
}

func (c *CI) pushStacked(ctx context.Context, from Summary, commit string, how Compression, below, above []Layer) (Summary, error) {
	image, err := c.Image(ctx, from)
	if err != nil {
		return Summary{}, fmt.Errorf("layer %s: %w", from.ImageRef, err)
	}
	dir, err := os.MkdirTemp(c.dir, "layers-")
	if err != nil {
		return Summary{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var stack []v1.Layer
	for i, l := range slices.Concat(below, above) {
		layer, err := newBlob(filepath.Join(dir, fmt.Sprint(i)), l, how)
		if err != nil {
			return Summary{}, err
		}
		stack = append(stack, layer)
	}
	return c.pushRestacked(ctx, from, commit, image, stack[:len(below)], stack[len(below):])
}

// PushOver is PushTopped with layers that the caller has made.
func (c *CI) PushOver(ctx context.Context, from Summary, commit string, above ...v1.Layer) (Summary, error) {
	image, err := c.Image(ctx, from)
	if err != nil {
		return Summary{}, fmt.Errorf("layer %s: %w", from.ImageRef, err)
	}
	return c.pushRestacked(ctx, from, commit, image, nil, above)
}

func (c *CI) pushRestacked(ctx context.Context, from Summary, commit string, image v1.Image, below, above []v1.Layer) (Summary, error) {
	image, err := restack(image, below, above)
	if err == nil {
		image, err = relabel(image, map[string]string{"org.opencontainers.image.revision": commit})
	}
	if err != nil {
		return Summary{}, fmt.Errorf("layer %s: %w", from.ImageRef, err)
	}
	return c.PushImage(ctx, from.ServiceID, commit, image)
}

// restack puts layers under and over an image's own, which needs its history no more.
func restack(image v1.Image, below, above []v1.Layer) (v1.Image, error) {
	own, err := image.Layers()
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.RootFS.DiffIDs, config.History = nil, nil
	base, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), config)
	if err != nil {
		return nil, err
	}
	base = mutate.ConfigMediaType(base, types.OCIConfigJSON)
	var all []mutate.Addendum
	for _, l := range below {
		all = append(all, mutate.Addendum{Layer: l})
	}
	for _, l := range own {
		// An engine pushes in Docker's own media types; the new manifest is OCI's.
		all = append(all, mutate.Addendum{Layer: l, MediaType: types.OCILayer})
	}
	for _, l := range above {
		all = append(all, mutate.Addendum{Layer: l})
	}
	return mutate.Append(base, all...)
}

// relabel changes labels of the image's config; "" removes a label.
func relabel(image v1.Image, labels map[string]string) (v1.Image, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config := file.DeepCopy().Config
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	maps.Copy(config.Labels, labels)
	maps.DeleteFunc(config.Labels, func(_, v string) bool { return v == "" })
	return mutate.Config(image, config)
}

// foreign is an image for a platform that the lab's machine is not.
func foreign(config *v1.ConfigFile, path string) (v1.Image, error) {
	config = config.DeepCopy()
	config.Architecture, config.RootFS.DiffIDs, config.History = "s390x", nil, nil
	base, err := mutate.ConfigFile(empty.Image, config)
	if err != nil {
		return nil, err
	}
	layer, err := newBlob(path, Layer{Name: "foreign", Size: 1 << 10}, Gzip)
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(base, layer)
}

func (c *CI) sourceURL(service string) string {
	if s := c.Source(service); s != nil {
		return s.URL
	}
	return ""
}
