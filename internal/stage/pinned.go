package stage

import (
	"context"

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

// Stage makes sure that the engine has the image, checked, under tag. It fails with
// DIGEST_MISMATCH if it finds another image than the caller asks for.
func (s *Streamer) Stage(ctx context.Context, image artifact.Pinned, tag string, emit func(workload.Event)) error {
	whole, err := s.images.Pinned(ctx, image)
	if err != nil {
		return err
	}
	if whole.Manifest != image.Manifest || whole.Config != image.Config {
		return fault.New(fault.DigestMismatch, "%s of %s has manifest %s with config %s, want manifest %s with config %s",
			image.Commit.Short(), image.Repository, whole.Manifest, whole.Config, image.Manifest, image.Config)
	}
	_, err = s.stager.Stage(ctx, whole, tag, emit)
	return err
}
