package stage

import (
	"context"
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Images finds the whole image that its digests name.
type Images interface {
	// Pinned returns the image with its layers. Asked again it may return the same image:
	// what digests name does not change.
	Pinned(ctx context.Context, image artifact.Pinned) (artifact.Image, error)
}

// Streamer is a [Stager] for images that are named by their digests.
type Streamer struct {
	images Images
	stager *Stager
}

// NewStreamer returns a streamer that finds layers by images.
func NewStreamer(images Images, s *Stager) *Streamer { return &Streamer{images: images, stager: s} }

// Stage makes sure that the engine has the image, checked, under tag. What the engine has
// whole is named there even if images does not find it. Stage fails with
// DIGEST_MISMATCH if it finds another image than the caller asks for.
func (s *Streamer) Stage(ctx context.Context, image artifact.Pinned, tag string, emit func(workload.Event)) error {
	found, err := s.images.Pinned(ctx, image)
	if err != nil {
		if s.stager.name(ctx, image, tag, emit) == nil {
			return nil
		}
		return err
	}
	if found.Manifest != image.Manifest || found.Config != image.Config {
		return fault.New(fault.DigestMismatch, "%s of %s has manifest %s with config %s, want manifest %s with config %s",
			image.Commit.Short(), image.Repository, found.Manifest, found.Config, image.Manifest, image.Config)
	}
	_, err = s.stager.Stage(ctx, found, tag, emit)
	return err
}

// name gives the tag to an image that the engine has whole; ErrNotFound for any other.
func (s *Stager) name(ctx context.Context, image artifact.Pinned, tag string, emit func(workload.Event)) error {
	info, err := s.engine.Info(ctx)
	if err != nil {
		return err
	}
	got, err := whole(ctx, s.engine, info.Store, image)
	if err != nil {
		return err
	}
	if err := s.engine.Tag(ctx, got.ID, tag); err != nil {
		return err
	}
	emit(workload.Event{Point: workload.PointStaged, Text: fmt.Sprintf("%s is %s", tag, workload.ShortID(got.ID))})
	return nil
}
