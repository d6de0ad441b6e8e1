package cri

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// full is how little room is left when a write fails for want of it: containerd writes
// no more than this at a time.
const full = 4 << 20

// Pull makes sure that CRI has the image, whole and unpacked. It is pulled by the digest
// of its manifest; containerd checks every byte against the digests. An image that is
// there costs a few questions, and none to the registry.
//
// Errors: DISK_FULL if there is less room than [workload.Room] of the image's Bytes, or
// if the disk fills up in between (a caller that knows which layers are missing gives the
// bytes of those); IMAGE_UNAVAILABLE if the registry does not have it or does not give it;
// DIGEST_MISMATCH if what it gives is not what the digests name, or the manifest names
// another config; ENGINE_UNAVAILABLE if containerd does not answer. A pull has no limit
// on its time, but a limit on silence.
func (s *Store) Pull(ctx context.Context, image artifact.Pinned) error {
	got, there, err := s.Whole(ctx, image)
	if err != nil {
		return err
	}
	if !there {
		return s.fetch(ctx, image)
	}
	return sameConfig(image, got.Config.String())
}

// Whole returns the image that CRI has under the digest of the manifest, whatever its
// config; false if CRI does not have it, or not unpacked. The registry is not asked.
func (s *Store) Whole(ctx context.Context, image artifact.Pinned) (got Image, there bool, err error) {
	snapshotter, err := s.snapshotter(ctx)
	if err != nil {
		return Image{}, false, err
	}
	if got, there, err = s.Image(ctx, s.byDigest(image)); err == nil && there {
		there, err = s.unpacked(ctx, snapshotter, got.chain)
	}
	return got, there, err
}

func (s *Store) fetch(ctx context.Context, image artifact.Pinned) error {
	name := s.byDigest(image)
	snapshotter, err := s.snapshotter(ctx)
	if err != nil {
		return err
	}
	room, err := s.Room(ctx)
	if err != nil {
		return err
	}
	if need := workload.Room(image.Bytes); room.Free < need {
		return diskFull(room, "needs %d bytes for %s and has %d free", need, image.Commit.Short(), room.Free)
	}
	watched, stop := s.watch(ctx, snapshotter, room)
	answer, err := s.pulls.PullImage(watched, &runtime.PullImageRequest{Image: &runtime.ImageSpec{Image: name}})
	if err != nil {
		// Before stop, which ends the context, too.
		err = s.unpulled(watched, err, name)
	}
	if least := stop(); err != nil && least < full && fault.ReasonOf(err) == fault.ImageUnavailable && fault.Retryable(err) {
		return diskFull(room, "was full during the pull of %s: %w", name, err)
	}
	if err != nil {
		return err
	}
	return sameConfig(image, answer.ImageRef)
}

// unpulled gives a failed pull its reason.
func (s *Store) unpulled(ctx context.Context, err error, name string) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	code := status.Code(err)
	if _, limited := ctx.Deadline(); limited && code == codes.DeadlineExceeded {
		return context.DeadlineExceeded // the caller's: the server's clock is a moment ahead
	}
	switch code {
	case codes.NotFound:
		return fault.New(fault.ImageUnavailable, "pull %s: %s", name, said(err)).
			WithHint("see whether the registry at %s still has it", s.registry).WithAction(fault.RegistryHealth)
	case codes.FailedPrecondition, codes.DataLoss:
		return fault.New(fault.DigestMismatch, "pull %s: %s", name, said(err)).
			WithHint("the registry at %s stores other bytes than the digest names: push the image again", s.registry).WithAction(fault.RegistryHealth)
	case codes.Unauthenticated, codes.PermissionDenied:
		return fault.New(fault.ImageUnavailable, "pull %s: %s", name, said(err)).
			WithHint("the registry at %s wants a login; the agent pulls without one", s.registry)
	// containerd gives no other code for a registry that does not answer, or a full
	// disk.
	case codes.Unknown, codes.Internal:
		return fault.Transient(fault.ImageUnavailable, "pull %s: %s", name, said(err)).
			WithHint("see whether the registry at %s answers", s.registry).WithAction(fault.RegistryHealth)
	default:
		return s.explain(ctx, err, "pull "+name)
	}
}

func diskFull(room Room, format string, args ...any) error {
	return fault.New(fault.DiskFull, "the disk of k3s's containerd "+format, args...).
		WithHint("free space on %s there: `k3s crictl images` lists images, `k3s crictl rmi IMAGE` removes an image that no pod uses", room.Dir)
}

// sameConfig refuses an image whose manifest names another config than the caller asks for.
func sameConfig(image artifact.Pinned, config string) error {
	if config == image.Config.String() {
		return nil
	}
	return fault.New(fault.DigestMismatch, "manifest %s of %s has config %s, want %s", image.Manifest, image.Repository, line(config), image.Config)
}

// byDigest is the name that a pull makes.
func (s *Store) byDigest(image artifact.Pinned) string {
	return s.registry + "/" + image.Repository.String() + "@" + image.Manifest.String()
}
