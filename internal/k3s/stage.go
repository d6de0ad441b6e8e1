package k3s

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Stage implements [confirm.Runtime]: the image, whole and checked, has the commit's name
// and is pinned.
func (r *Runtime) Stage(ctx context.Context, ref workload.Ref, image artifact.Pinned, emit func(workload.Event)) error {
	if _, err := r.Placement(ref); err != nil {
		return err
	}
	return r.stage(ctx, image, emit)
}

func (r *Runtime) stage(ctx context.Context, image artifact.Pinned, emit func(workload.Event)) error {
	name := r.images.Ref(image)
	got, there, err := r.images.Image(ctx, name)
	if err != nil {
		return err
	}
	if !there || got.Config != image.Config {
		whole := image.Bytes
		if image.Bytes, err = r.missing(ctx, image); err != nil {
			return err
		}
		emit(workload.Event{Point: workload.PointTransfer, Done: max(0, whole-image.Bytes), Total: max(whole, image.Bytes)})
		emit(workload.Event{Point: workload.PointLoad, Text: "k3s's containerd pulls " + image.Repository.String() + "@" + image.Manifest.String()})
	}
	// An image that is there costs a few questions: whether it is whole, and pinned.
	if err := r.images.Pull(ctx, image); err != nil {
		return err
	}
	if err := r.images.Name(ctx, image); err != nil {
		return err
	}
	if _, err := r.staged(ctx, image); err != nil {
		return err
	}
	emit(workload.Event{Point: workload.PointStaged, Text: fmt.Sprintf("%s is %s", name, workload.ShortID(image.Config.String()))})
	return nil
}

// missing returns how many bytes a pull fetches. If the registry does not return the
// layers, all may be missing; the pull then reports what is wrong with the registry.
func (r *Runtime) missing(ctx context.Context, image artifact.Pinned) (bytes int64, err error) {
	whole, err := r.registry.Pinned(ctx, image)
	if err != nil {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return image.Bytes, nil
	}
	if whole.Manifest != image.Manifest || whole.Config != image.Config {
		return 0, fault.New(fault.DigestMismatch, "%s of %s has manifest %s with config %s, want manifest %s with config %s",
			image.Commit.Short(), image.Repository, whole.Manifest, whole.Config, image.Manifest, image.Config)
	}
	layers, err := r.images.Missing(ctx, whole.Layers)
	for _, l := range layers {
		bytes += l.Size
	}
	return bytes, err
}

// staged returns the image, and fails unless the commit's name is that of the image. The
// kubelet runs the name, and nothing else.
func (r *Runtime) staged(ctx context.Context, image artifact.Pinned) (cri.Image, error) {
	name := r.images.Ref(image)
	got, there, err := r.images.Image(ctx, name)
	switch {
	case err != nil:
		return got, err
	case !there:
		return got, workload.NotStaged(image.Commit)
	case got.Config != image.Config:
		return got, fault.Transient(fault.DigestMismatch, "%s has config %s, want %s: something else gave it that name", name, got.Config, image.Config).
			WithHint("run the same command again: it stages the image anew")
	}
	return got, nil
}

// Retire implements [confirm.Runtime]. A name that a Deployment or a pod of any placed
// workload has stays: two namespaces may run the same image.
func (r *Runtime) Retire(ctx context.Context, spec workload.Spec, commits []artifact.Commit, emit func(workload.Event)) error {
	if len(commits) == 0 {
		return nil
	}
	var used []string
	repository, found := artifact.Repository{}, false
	for _, w := range r.config.Workloads {
		if !w.Placed() {
			continue
		}
		all, err := r.cluster.Deployments(ctx, w)
		if err != nil {
			return fmt.Errorf("what %s runs is not known: %w", w.Ref, err)
		}
		for _, d := range all {
			used = append(used, d.Definition.Image)
			for _, p := range d.Pods {
				used = append(used, p.Image)
			}
			if image, ok := r.parse(d.Definition.Image); ok && w.Ref == spec.Ref {
				repository, found = image.Repository, true
			}
		}
	}
	if !found {
		return fault.New(fault.WorkloadUnfit, "no Deployment of %s runs an image by a commit's name", spec.Ref)
	}
	var failed []error
	for _, c := range commits {
		name := r.images.Ref(artifact.Pinned{Repository: repository, Commit: c})
		_, there, err := r.images.Image(ctx, name)
		if err == nil && there && !slices.Contains(used, name) {
			if err = r.images.Release(ctx, name); err == nil {
				emit(workload.Event{Point: workload.PointSettle, Text: "image " + c.Short() + " is no longer kept for a rollback"})
			}
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("image of %s: %w", c.Short(), err))
		}
	}
	return errors.Join(failed...)
}

// parse reads a commit's name: that which Ref gives, and no other.
func (r *Runtime) parse(name string) (image artifact.Pinned, ok bool) {
	_, path, _ := strings.Cut(name, "/")
	path, tag, _ := strings.Cut(path, ":")
	commit, err := artifact.ParseCommit(tag)
	if err != nil {
		return artifact.Pinned{}, false
	}
	repository, err := artifact.ParseRepository(path)
	if err != nil {
		return artifact.Pinned{}, false
	}
	image = artifact.Pinned{Repository: repository, Commit: commit}
	return image, r.images.Ref(image) == name
}
