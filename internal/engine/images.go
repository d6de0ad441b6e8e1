package engine

import (
	"context"
	"io"
	"maps"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Image returns an image by id, or by a name; ErrNotFound.
func (c *Client) Image(ctx context.Context, ref string) (Image, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	told, err := c.speaks(ctx, 1, 48)
	if err != nil {
		return Image{}, explain(err, "ask the engine's version")
	}
	in, err := c.api.ImageInspect(ctx, ref, client.ImageInspectWithManifests(told))
	if told && errdefs.IsInvalidArgument(err) {
		told = false
		in, err = c.api.ImageInspect(ctx, ref)
	}
	if err != nil {
		return Image{}, explain(err, "inspect image")
	}
	out := Image{
		ID: in.ID, Tags: in.RepoTags, RepoDigests: in.RepoDigests, Created: moment(in.Created),
		Platform: artifact.Platform{OS: in.Os, Architecture: in.Architecture, Variant: in.Variant},
	}
	if in.Config != nil {
		out.Labels, out.Env = in.Config.Labels, in.Config.Env
		out.Volumes, out.Folder = slices.Sorted(maps.Keys(in.Config.Volumes)), in.Config.WorkingDir
		out.Command = slices.Concat(in.Config.Entrypoint, in.Config.Cmd)
	}
	for _, text := range in.RootFS.Layers {
		d, err := artifact.ParseDigest(text)
		if err != nil {
			return Image{}, fault.New(fault.EngineFailed, "image %s: diff id %q", ref, text)
		}
		out.DiffIDs = append(out.DiffIDs, d)
	}
	// Only containerd's store has a descriptor and manifests. An id that is not a
	// sha256 leaves the digest zero, which equals no other.
	if in.Descriptor == nil {
		out.Config, _ = artifact.ParseDigest(in.ID)
		out.Complete = true
		return out, nil
	}
	out.Config, _ = artifact.ParseDigest(in.Descriptor.Annotations[configAnnotation])
	out.Complete = told && slices.ContainsFunc(in.Manifests, func(m image.ManifestSummary) bool {
		return m.ID == in.ID && m.Available
	})
	return out, nil
}

// ImagesWithLabel returns the images that carry a label, whatever its value.
func (c *Client) ImagesWithLabel(ctx context.Context, label string) ([]Image, error) {
	return c.images(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", label))})
}

// ImagesNamed returns the images that have a name in a repository, for example
// "unidesk-keep/frontend".
func (c *Client) ImagesNamed(ctx context.Context, repository string) ([]Image, error) {
	return c.images(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", repository))})
}

// AllImages returns every image, unnamed and intermediate images too.
func (c *Client) AllImages(ctx context.Context) ([]Image, error) {
	return c.images(ctx, image.ListOptions{All: true})
}

func (c *Client) images(ctx context.Context, options image.ListOptions) ([]Image, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := c.api.ImageList(ctx, options)
	if err != nil {
		return nil, explain(err, "list images")
	}
	// The list lacks the diff ids, so each image is asked for by itself.
	found := make([]Image, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, summary := range list {
		g.Go(func() (err error) {
			found[i], err = c.Image(ctx, summary.ID)
			if fault.ReasonOf(err) == fault.EngineFailed {
				return nil // removed since the list was made, or broken: it has nothing to offer
			}
			return err
		})
	}
	err = g.Wait()
	return slices.DeleteFunc(found, func(i Image) bool { return i.ID == "" }), err
}

// Tag gives an image another name; a name that another image had moves.
func (c *Client) Tag(ctx context.Context, id, ref string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return explain(c.api.ImageTag(ctx, id, ref), "tag image")
}

// Untag takes a name off its image; a name that does not exist is no error. The
// engine drops an image with its last name. It refuses (ErrInUse) to take the last
// name from an image that a container uses.
func (c *Client) Untag(ctx context.Context, ref string) error {
	return c.remove(ctx, ref, "untag image")
}

// RemoveImage removes an image by id, its parents stay. An image that is gone is no
// error, an image that a container uses is ErrInUse.
func (c *Client) RemoveImage(ctx context.Context, id string) error {
	return c.remove(ctx, id, "remove image")
}

func (c *Client) remove(ctx context.Context, ref, act string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := c.api.ImageRemove(ctx, ref, image.RemoveOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return explain(err, act)
}

func (c *Client) postLoad(ctx context.Context, archive io.Reader) (io.ReadCloser, error) {
	// Progress lines are wanted: they are the sign of life. No platform: with a platform,
	// containerd's store refuses an archive that leaves anything out.
	answer, err := c.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(false))
	if err != nil {
		return nil, explain(err, "load")
	}
	return answer.Body, nil
}

func (c *Client) postPull(ctx context.Context, ref string) (io.ReadCloser, error) {
	return c.api.ImagePull(ctx, ref, image.PullOptions{})
}
