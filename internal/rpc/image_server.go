package rpc

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/types/known/timestamppb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Images reads the registry that ImageService serves. Errors are faults.
type Images interface {
	// List hands on a page of tags and returns the token of the next, "" at the end.
	// A tag that the registry cannot resolve comes with the reason.
	List(ctx context.Context, repo artifact.Repository, size int, token string, each func(tag string, d artifact.Digest, trouble error)) (next string, err error)
	// Details tells the bytes of an image's layers and when it was built, the zero
	// time for unknown.
	Details(ctx context.Context, repo artifact.Repository, d artifact.Digest, want artifact.Platform) (size int64, created time.Time, err error)
	// Resolve reads a commit's tag and all that its image consists of but layers.
	Resolve(ctx context.Context, repo artifact.Repository, commit artifact.Commit, want artifact.Platform) (artifact.Image, error)
	// Blob opens a blob. Its reader hands out the last bytes only when all were right.
	Blob(ctx context.Context, repo artifact.Repository, d artifact.Digest, size int64) (io.ReadCloser, error)
}

// maxDetails is how many tags' details an agent reads at once, over all calls.
const maxDetails = 4

// maxStreams is how many Stream calls an agent serves at once: each holds a few
// buffers, and memory is promised.
const maxStreams = 8

type imageServer struct {
	artifactv1.UnimplementedImageServiceServer
	images Images
	// slots holds a token for each Stream under way, resolving one for a Resolve: an
	// image's manifest and config may be 12 MiB and are there more than once.
	// detailing holds one for each tag whose details are being read.
	slots, resolving, detailing chan struct{}
	pool                        freeList // of the chunks that are sent
}

func newImageServer(images Images) *imageServer {
	return &imageServer{
		images: images, pool: newFreeList(),
		slots: make(chan struct{}, maxStreams), resolving: make(chan struct{}, 1), detailing: make(chan struct{}, maxDetails),
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

// detail adds size and age to tags. One whose image cannot be read keeps none: the
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
	img, err := s.images.Resolve(ctx, repo, commit, want)
	if err != nil {
		return nil, fmt.Errorf("resolve %s@%s: %w", repo, commit.Short(), err)
	}
	return &artifactv1.ResolveResponse{Image: imageToProto(img), Registry: img.Registry}, nil
}

// blobRange is a Range, parsed.
type blobRange struct {
	digest       artifact.Digest
	size, offset int64
}

func (f *fields) ranges(list []*artifactv1.Range) (ranges []blobRange) {
	if n := len(list); n < 1 || n > maxRanges {
		f.refuse("ranges", fmt.Sprintf("not 1 to %d of them", maxRanges))
		return nil
	}
	for _, m := range list {
		const most = 1 << 50 // so that int64 sums of sizes stay true
		r := blobRange{f.digest("ranges.digest", m.GetDigest()), f.size("ranges.size", m.GetSize(), most), f.size("ranges.offset", m.GetOffset(), most)}
		if r.offset >= r.size {
			f.refuse("ranges.offset", "not within the size")
		}
		ranges = append(ranges, r)
	}
	return ranges
}

// Stream implements the contract.
func (s *imageServer) Stream(req *artifactv1.StreamRequest, stream grpc.ServerStreamingServer[artifactv1.StreamResponse]) error {
	var f fields
	repo, ranges := f.repository("repository", req.GetRepository()), f.ranges(req.GetRanges())
	if f.err != nil {
		return f.err
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return fault.Transient(fault.Busy, "%d streams are under way already", maxStreams)
	}
	for _, r := range ranges {
		if err := s.send(stream, repo, r); err != nil {
			return fmt.Errorf("stream %s of %s: %w", r.digest, repo, err)
		}
	}
	return nil
}

// send reads a blob from its start and sends it from the range's offset on.
func (s *imageServer) send(stream grpc.ServerStream, repo artifact.Repository, r blobRange) error {
	blob, err := s.images.Blob(stream.Context(), repo, r.digest, r.size)
	if err != nil {
		return err
	}
	defer blob.Close()
	if err := s.skip(blob, r.offset); err != nil {
		return err
	}
	digest := r.digest.String()
	for at := r.offset; at < r.size; {
		raw := s.pool.Get(int(min(chunkSize, r.size-at)))
		// Only whole chunks are sent: an error in mid-chunk, a wrong digest at the end
		// among them, keeps back what was read with it.
		n, err := io.ReadFull(blob, *raw)
		if err != nil {
			s.pool.Put(raw)
			// Only a bare end is the blob's. A registry that goes away in mid-blob is a fault
			// with such an end as its cause, and is not wrong data.
			if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // see above
				err = fault.New(fault.DigestMismatch, "blob ends at %d of %d bytes", at+int64(n), r.size)
			}
			return err
		}
		c := chunk{digest: digest, offset: uint64(at), data: *raw, buf: mem.NewBuffer(raw, s.pool)}
		err = stream.SendMsg(&c)
		c.free()
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// skip reads over what the receiver has already: it is still hashed.
func (s *imageServer) skip(r io.Reader, n int64) error {
	raw := s.pool.Get(chunkSize)
	defer s.pool.Put(raw)
	for n > 0 {
		m, err := r.Read((*raw)[:min(n, chunkSize)])
		n -= int64(m)
		if err != nil && n > 0 {
			return err
		}
	}
	return nil
}
