package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Retire implements [confirm.Runtime]. It releases the old image, and removes the names that
// this program gave, never by force. The engine removes an image with its last name; the image
// stays if it has a name from elsewhere, or a container uses it.
func (r *Runtime) Retire(ctx context.Context, spec workload.Spec, commits []artifact.Commit, emit func(workload.Event)) error {
	var failed []error
	if err := r.engine.Release(ctx, Holder(spec)); err != nil {
		failed = append(failed, err)
	}
	used, err := r.used(ctx, spec)
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	if len(commits) == 0 {
		return errors.Join(failed...)
	}
	kept, err := r.engine.ImagesNamed(ctx, keepRepository(spec))
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	for _, c := range commits {
		if err := r.retire(ctx, spec, c, kept, used, emit); err != nil {
			failed = append(failed, fmt.Errorf("image of %s: %w", c.Short(), err))
		}
	}
	return errors.Join(failed...)
}

// used returns the ids of the images that the service's containers are made of, and of
// the image that its stable name means.
func (r *Runtime) used(ctx context.Context, spec workload.Spec) ([]string, error) {
	stable, err := r.imageID(ctx, spec.Compose.Image)
	if err != nil {
		return nil, err
	}
	found, err := r.engine.Containers(ctx, spec.Ref.Scope(), spec.Ref.Name())
	if err != nil {
		return nil, err
	}
	used := []string{stable}
	for _, c := range found {
		used = append(used, c.ImageID)
	}
	return used, nil
}

// retire takes our names off a commit's images. A prune may have taken the commit's name
// and left the keep tag, so those are looked at, too.
func (r *Runtime) retire(ctx context.Context, spec workload.Spec, commit artifact.Commit, kept []engine.Image, used []string, emit func(workload.Event)) error {
	ref := commitTag(spec, commit)
	ours := slices.DeleteFunc(slices.Clone(kept), func(i engine.Image) bool {
		return i.Labels[artifact.LabelRevision] != commit.String() || slices.Contains(i.Tags, ref)
	})
	switch img, err := r.engine.Image(ctx, ref); {
	case err == nil:
		ours = append(ours, img)
	case !errors.Is(err, engine.ErrNotFound):
		return err
	}
	for _, img := range ours {
		if slices.Contains(used, img.ID) {
			continue
		}
		// The commit's name goes last: while it is there, a later run finds the rest.
		names := slices.DeleteFunc(slices.Clone(img.Tags), func(n string) bool { return !strings.HasPrefix(n, keepRepository(spec)+":") })
		if slices.Contains(img.Tags, ref) {
			names = append(names, ref)
		}
		for _, name := range names {
			if err := r.engine.Untag(ctx, name); errors.Is(err, engine.ErrInUse) {
				return nil
			} else if err != nil {
				return err
			}
		}
		emit(workload.Event{Point: workload.PointSettle, Text: "image " + commit.Short() + " is no longer kept for a rollback"})
	}
	return nil
}
