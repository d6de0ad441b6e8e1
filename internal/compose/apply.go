package compose

import (
	"context"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Apply implements [confirm.Runtime]. Tags and env keys are set again when it
// goes on with a change, since that costs nothing; a recreate is an outage and
// happens once.
func (r *Runtime) Apply(ctx context.Context, spec workload.Spec, change workload.Change, before State, lock *os.File, emit func(workload.Event)) error {
	id, err := r.staged(ctx, spec, change)
	if err != nil {
		return err
	}
	if err := r.hold(ctx, spec, change, before); err != nil {
		return err
	}
	if err := r.retag(ctx, spec, change, before, id); err != nil {
		return err
	}
	emit(workload.Event{Point: workload.PointTag, Text: spec.Compose.Image + " is " + workload.ShortID(id)})
	err = envfile.Update(ctx, r.config.EnvFile, func(c envfile.Content) (envfile.Content, error) {
		after, _, err := envfile.Edit(c, assignments(spec, change))
		return after, err
	})
	if err != nil {
		return err
	}
	emit(workload.Event{Point: workload.PointConfigure, Text: "deploy keys are in the env file"})
	f, err := r.fleet(ctx, spec)
	if err != nil {
		return err
	}
	if f.disturbed() || !isNew(f.main, spec, change, id) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, err := r.clear(ctx, spec, f); err != nil {
			return err
		}
		emit(workload.Event{Point: workload.PointReplace, Text: "docker compose recreates " + spec.Ref.Name()})
		if err := r.up(ctx, spec, lock); err != nil {
			return r.taken(context.WithoutCancel(ctx), spec, id, err)
		}
		// The caller may have given up meanwhile, which changes nothing about what
		// is there.
		if f, err = r.fleet(context.WithoutCancel(ctx), spec); err != nil {
			return err
		}
		if f.main == nil || f.main.ImageID != id {
			return fault.New(fault.ComposeFailed, "Docker Compose succeeded, but %s does not run image %s", spec.Compose.ContainerName, workload.ShortID(id))
		}
	}
	emit(workload.Event{Point: workload.PointSwitch, Text: "container " + workload.ShortID(f.main.ID)})
	return nil
}

// retag gives the old image a name of its own, so that a prune of unnamed images does not
// take it, before the names that it had go to the new image.
func (r *Runtime) retag(ctx context.Context, spec workload.Spec, change workload.Change, before State, id string) error {
	for _, old := range []string{before.ImageID, before.Stable} {
		if old == "" {
			continue
		}
		if err := r.engine.Tag(ctx, old, keepRepository(spec)+":"+workload.ShortID(old)); err != nil {
			return err
		}
	}
	if err := r.engine.Tag(ctx, id, commitTag(spec, change.Image.Commit)); err != nil {
		return err
	}
	return r.engine.Tag(ctx, id, spec.Compose.Image)
}

// taken returns the fault of a recreate that failed because the image, or its stable
// name, was taken away meanwhile; of any other recreate it returns err.
func (r *Runtime) taken(ctx context.Context, spec workload.Spec, id string, err error) error {
	if now, unknown := r.imageID(ctx, spec.Compose.Image); unknown != nil || now == id {
		return err
	}
	return fault.Transient(fault.Stale, "%s was image %s when the recreate began and is not any more: %w", spec.Compose.Image, workload.ShortID(id), err).
		WithHint("something removed images meanwhile, such as a prune: the same command stages it again")
}

// isNew reports whether a container is what the change wants: made of the image,
// by this change and no other.
func isNew(c *engine.Container, spec workload.Spec, change workload.Change, imageID string) bool {
	if c == nil || !c.Running || workload.Basis(c.ID) == change.Basis || c.ImageID != imageID {
		return false
	}
	env := deployEnv(*c, spec.KeyPrefix)
	for k, v := range env {
		if change.Stamps[k] != v {
			return false
		}
	}
	return len(env) > 0
}
