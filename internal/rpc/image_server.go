package rpc

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/timestamppb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Images reads the registry that ImageService serves. Errors are faults.
type Images interface {
	// List hands on a page of tags and returns the token of the next, "" at the end.
	// A tag that the registry cannot resolve comes with the reason.
	List(ctx context.Context, repo artifact.Repository, size int, token string, each func(tag string, d artifact.Digest, trouble error)) (next string, err error)
	// Details returns the bytes of an image's layers and when it was built, the zero
	// time for unknown.
	Details(ctx context.Context, repo artifact.Repository, d artifact.Digest, want artifact.Platform) (size int64, created time.Time, err error)
	// Resolve reads a commit's tag and all that its image consists of but layers.
	Resolve(ctx context.Context, repo artifact.Repository, commit artifact.Commit, want artifact.Platform) (artifact.Image, error)
	// Blob opens a blob. Its reader hands out the last bytes only when all were right.
	Blob(ctx context.Context, repo artifact.Repository, d artifact.Digest, size int64) (io.ReadCloser, error)
}

// maxDetails is how many tags' details an agent reads at once, over all calls.
const maxDetails = 4

// bulky is the size of an image's documents, in bytes, from which on the collector runs at
// once: beside busy processes it lags by megabytes.
const bulky = 1 << 20

// maxStreams is how many Stream calls an agent serves at once: each holds a few
// buffers, and memory is promised.
const maxStreams = 8

type imageServer struct {
	artifactv1.UnimplementedImageServiceServer
	images Images
	// slots holds a token for each Stream under way, resolving a token for a Resolve: an
	// image's manifest and config may be 12 MiB and are there more than once. detailing
	// holds a token for each tag whose details are being read, encoding a token for each
	// delta that is made.
	slots, resolving, detailing, encoding chan struct{}
	// bulky means that the last Resolve's documents were bulky; resolving's token guards it.
	bulky    bool
	deltas   Deltas   // nil if the agent keeps no copies
	pool     freeList // of the chunks that are sent
	squeezer *squeezer
	stripes  stripes
}

func newImageServer(images Images, deltas Deltas) *imageServer {
	pool := newFreeList()
	return &imageServer{
		images: images, deltas: deltas, pool: pool, squeezer: newSqueezer(pool),
		slots: make(chan struct{}, maxStreams), resolving: make(chan struct{}, 1), detailing: make(chan struct{}, maxDetails),
		encoding: make(chan struct{}, maxDeltas), stripes: newStripes(),
	}
}

// List implements the contract.
func (s *imageServer) List(ctx context.Context, req *artifactv1.ListRequest) (*artifactv1.ListResponse, error) {
	var f fields
	repo, token := f.repository("repository", req.GetRepository()), f.optional("page_token", tagForm, req.GetPageToken())
	if f.err != nil {
		return nil, f.err
	}
	resp := &artifactv1.ListResponse{}
	var err error
	resp.NextPageToken, err = s.images.List(ctx, repo, int(req.GetPageSize()), token, func(tag string, d artifact.Digest, trouble error) {
		m := &artifactv1.Tag{Name: tag, Digest: d.String()}
		if trouble != nil {
			m.Digest, m.Trouble = "", clip(plain.Text(trouble.Error()))
		}
		resp.Tags = append(resp.Tags, m)
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", repo, err)
	}
	if req.GetDetails() {
		if err := s.detail(ctx, repo, resp.GetTags()); err != nil {
			return nil, fmt.Errorf("list %s: %w", repo, err)
		}
	}
	return resp, nil
}

// detail adds size and age to tags. A tag whose image cannot be read gets neither: the
// others are worth having.
func (s *imageServer) detail(ctx context.Context, repo artifact.Repository, tags []*artifactv1.Tag) error {
	var group errgroup.Group
	group.SetLimit(maxDetails)
	for _, tag := range tags {
		if tag.GetTrouble() != "" {
			continue
		}
		group.Go(func() error {
			select {
			case s.detailing <- struct{}{}:
				defer func() { <-s.detailing }()
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			d, err := artifact.ParseDigest(tag.GetDigest())
			if err != nil {
				return err
			}
			size, created, err := s.images.Details(ctx, repo, d, own())
			if err != nil {
				return context.Cause(ctx) // nil unless that is why
			}
			tag.SizeBytes = uint64(size)
			if at := timestamppb.New(created); !created.IsZero() && at.IsValid() {
				tag.Created = at
			}
			return nil
		})
	}
	return group.Wait()
}

// own is the platform that this agent runs on.
func own() artifact.Platform {
	return artifact.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}
}

// Resolve implements the contract.
func (s *imageServer) Resolve(ctx context.Context, req *artifactv1.ResolveRequest) (*artifactv1.ResolveResponse, error) {
	var f fields
	repo, commit := f.repository("repository", req.GetRepository()), f.commit("commit", req.GetCommit())
	want := own()
	if p := req.GetPlatform(); p != nil {
		want = f.platform("platform", p)
	}
	if f.err != nil {
		return nil, f.err
	}
	select {
	case s.resolving <- struct{}{}:
		defer func() { <-s.resolving }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another resolve: %w", context.Cause(ctx))
	}
	if s.bulky { // the last answer is garbage now, and this answer takes as much again
		runtime.GC()
	}
	img, err := s.images.Resolve(ctx, repo, commit, want)
	if err != nil {
		return nil, fmt.Errorf("resolve %s@%s: %w", repo, commit.Short(), err)
	}
	answer := &artifactv1.ResolveResponse{Image: imageToProto(img), Registry: img.Registry}
	if s.bulky = len(img.ManifestBytes)+len(img.ConfigBytes) > bulky; s.bulky { // what was parsed is garbage now
		runtime.GC()
	}
	return answer, nil
}
