package rpc

import (
	"context"
	"math"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// List returns a page of a repository's tags, and the token of the next page or "".
func (c *Client) List(ctx context.Context, repo artifact.Repository, size int, token string) (tags []Tag, next string, err error) {
	return c.page(ctx, &artifactv1.ListRequest{Repository: repo.String(), PageSize: uint32(size), PageToken: token})
}

// maxTags is far more than the commits that a repository keeps.
const maxTags = 100_000

// Tags returns all of a repository's tags, with their details. More than 100,000 are an
// error.
func (c *Client) Tags(ctx context.Context, repo artifact.Repository) (all []Tag, err error) {
	req := &artifactv1.ListRequest{Repository: repo.String(), Details: true}
	for {
		tags, next, err := c.page(ctx, req)
		if err != nil {
			return nil, err
		}
		if all = append(all, tags...); len(all) > maxTags {
			return nil, malformed(fault.New(fault.InvalidRequest, "tags: more than %d", maxTags))
		}
		if next == "" {
			return all, nil
		}
		// Tags come in the order of their bytes: a caller that goes on comes to an end.
		if next <= req.GetPageToken() {
			return nil, fault.New(fault.Internal, "the agent's next page after %q begins at %q", req.GetPageToken(), next)
		}
		req.PageToken = next
	}
}

func (c *Client) page(ctx context.Context, req *artifactv1.ListRequest) (tags []Tag, next string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Call)
	defer cancel()
	m, err := c.images.List(ctx, req)
	if err != nil {
		return nil, "", c.fail(ctx, artifactv1.ImageService_ServiceDesc.ServiceName, err)
	}
	var f fields
	for _, t := range m.GetTags() {
		tag := f.listed(t)
		tag.Trouble = fault.Says(c.opts.Host, tag.Trouble)
		tags = append(tags, tag)
	}
	if f.err != nil {
		return nil, "", malformed(f.err)
	}
	return tags, m.GetNextPageToken(), nil
}

func (f *fields) listed(m *artifactv1.Tag) Tag {
	if m.GetTrouble() != "" {
		return Tag{Name: f.match("tags.name", tagForm, m.GetName()), Trouble: quoted(m.GetTrouble())}
	}
	return Tag{
		Name: f.match("tags.name", tagForm, m.GetName()), Digest: f.digest("tags.digest", m.GetDigest()), Size: f.size("tags.size_bytes", m.GetSizeBytes(), math.MaxInt64),
		Created: f.moment("tags.created", m.GetCreated()),
	}
}
