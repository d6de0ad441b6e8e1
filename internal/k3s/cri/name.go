package cri

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// The labels of an image's record in containerd.
const (
	// OwnLabel marks a name that this project made or took over.
	OwnLabel = "unidesk.dev/pinned"
	// managedLabel is what CRI gives each name that it knows.
	managedLabel = "io.cri-containerd.image"
	// pinLabel keeps the image from the kubelet's garbage collection.
	pinLabel = "io.cri-containerd.pinned"
)

// adoptPause is the time between two questions whether CRI knows a name.
const adoptPause = 50 * time.Millisecond

// Ref is the name of the commit's image, which a pod's template has.
func (s *Store) Ref(image artifact.Pinned) string {
	return s.registry + "/" + image.Repository.String() + ":" + image.Commit.String()
}

// Name gives a pulled image the name [Store.Ref], pins it, and returns when CRI answers
// with the image under that name. A name that another image had moves. What has the name
// already costs a few questions.
//
// Errors: IMAGE_UNAVAILABLE, retryable, if the image is not there: the kubelet may have
// taken it since it was pulled; DIGEST_MISMATCH if it has another
// config or manifest.
func (s *Store) Name(ctx context.Context, image artifact.Pinned) error {
	source, name := s.byDigest(image), s.Ref(image)
	gone := fault.Transient(fault.ImageUnavailable, "k3s's containerd does not have %s any more", source).WithHint("it was pulled and then removed: stage it again")
	got, there, err := s.Image(ctx, source)
	switch {
	case err != nil:
		return err
	case !there:
		return gone
	}
	if err := sameConfig(image, got.Config.String()); err != nil {
		return err
	}
	record, err := s.record(ctx, source)
	if errors.Is(err, errNotFound) {
		return gone
	}
	if err != nil {
		return err
	}
	if record.Target.GetDigest() != image.Manifest.String() {
		return fault.New(fault.DigestMismatch, "k3s's containerd has %s under the name %s", line(record.Target.GetDigest()), source)
	}
	if err := s.put(ctx, name, record.Target); err != nil {
		return err
	}
	return s.adopted(ctx, name, image)
}

// put makes the record, or moves it and adds the labels that it lacks.
func (s *Store) put(ctx context.Context, name string, target *types.Descriptor) error {
	ctx, cancel := short(ctx)
	defer cancel()
	want := &images.Image{Name: name, Target: target, Labels: map[string]string{managedLabel: "managed", pinLabel: "pinned", OwnLabel: "true"}}
	for {
		_, err := s.names.Create(ctx, &images.CreateImageRequest{Image: want})
		if status.Code(err) != codes.AlreadyExists {
			return s.explain(ctx, err, "name image "+name)
		}
		_, err = s.names.Update(ctx, &images.UpdateImageRequest{Image: want, UpdateMask: &fieldmaskpb.FieldMask{
			Paths: []string{"target", "labels." + managedLabel, "labels." + pinLabel, "labels." + OwnLabel},
		}})
		if status.Code(err) != codes.NotFound { // else it was removed in between
			return s.explain(ctx, err, "move image name "+name)
		}
	}
}

// adopted waits until CRI knows the name as it was made: CRI learns it by an event.
func (s *Store) adopted(ctx context.Context, name string, image artifact.Pinned) error {
	late := time.NewTimer(s.adoption)
	defer late.Stop()
	for {
		got, there, err := s.Image(ctx, name)
		if err != nil || there && got.Config == image.Config && got.Pinned && slices.Contains(got.Names, name) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-late.C:
			return fault.Transient(fault.EngineFailed, "CRI does not answer with image %s and a pin under the name %s within %v, though containerd has it",
				image.Config, name, s.adoption).WithHint(hint)
		case <-time.After(adoptPause):
		}
	}
}

// Release takes a name of ours and its pin away. The image stays under its other names
// until the kubelet or a person removes it; a container that runs is not touched. A
// name that is gone or not ours is no error, and stays as it is.
func (s *Store) Release(ctx context.Context, name string) error {
	record, err := s.record(ctx, name)
	if errors.Is(err, errNotFound) || err == nil && record.Labels[OwnLabel] == "" {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := short(ctx)
	defer cancel()
	// Not if it was moved to another image meanwhile.
	_, err = s.names.Delete(ctx, &images.DeleteImageRequest{Name: name, Target: record.Target})
	_, err = s.there(ctx, err, "remove image name "+name)
	return err
}

func (s *Store) record(ctx context.Context, name string) (*images.Image, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	answer, err := s.names.Get(ctx, &images.GetImageRequest{Name: name})
	if err != nil {
		return nil, s.explain(ctx, err, "look for image "+line(name))
	}
	return answer.Image, nil
}
