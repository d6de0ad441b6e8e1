package rpc

import (
	"context"
	"math"
	"regexp"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// tagForm is the distribution specification's.
var tagForm = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// List returns a page of a repository's tags, and the token of the next page or "".
func (c *Client) List(ctx context.Context, repo artifact.Repository, size int, token string) (tags []Tag, next string, err error) {
	return c.page(ctx, &artifactv1.ListRequest{Repository: repo.String(), PageSize: uint32(size), PageToken: token})
}

// Tags returns all of a repository's tags, with their details.
func (c *Client) Tags(ctx context.Context, repo artifact.Repository) (all []Tag, err error) {
	req := &artifactv1.ListRequest{Repository: repo.String(), Details: true}
	for {
		tags, next, err := c.page(ctx, req)
		if err != nil {
			return nil, err
		}
		all = append(all, tags...)
		if next == "" {
			return all, nil
		}
		// Tags come in the order of their bytes: whoever goes on comes to an end.
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
	for _, t := range m.GetTags() {
		tag, err := tagOf(t)
		if err != nil {
			return nil, "", err
		}
		tags = append(tags, tag)
	}
	return tags, m.GetNextPageToken(), nil
}

func tagOf(m *artifactv1.Tag) (Tag, error) {
	t := Tag{Name: m.GetName(), Size: int64(m.GetSizeBytes())}
	if !tagForm.MatchString(t.Name) || m.GetSizeBytes() > math.MaxInt64 {
		return Tag{}, fault.New(fault.Internal, "the agent lists %.200q of %d bytes, which is no tag", t.Name, m.GetSizeBytes())
	}
	var err error
	if t.Digest, err = artifact.ParseDigest(m.GetDigest()); err != nil {
		return Tag{}, err
	}
	if created := m.GetCreated(); created != nil {
		if err := created.CheckValid(); err != nil {
			return Tag{}, fault.New(fault.Internal, "the agent lists %s as built at no time: %w", t.Name, err)
		}
		t.Created = created.AsTime()
	}
	return t, nil
}
