package compose

import (
	"context"
	"errors"
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/scrub"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A revert brings back the container that ran, and does not apply today's files to its image: they
// may have been edited, so that nothing starts by them. The engine's API makes that container by the
// request that made it first, with Compose's labels, so that Compose takes it for its own.

// errGone is in the chain of the error of a revert whose image is gone.
var errGone = errors.New("its image is gone")

// Holder is the name of the container that holds the old image while a change is under
// way: without it `docker image prune -a` takes the image, whatever its names.
func Holder(spec workload.Spec) string { return "unidesk-keep-" + spec.Compose.ContainerName }

func (r *Runtime) hold(ctx context.Context, spec workload.Spec, change workload.Change, before State) error {
	if before.Was == nil {
		return nil // nothing ran, or another account began the change
	}
	return r.scrubbed(ctx, spec, before, r.engine.Hold(ctx, before.Was, Holder(spec), change.ID))
}

// scrubbed removes the values that the container was given from the engine's error.
func (r *Runtime) scrubbed(ctx context.Context, spec workload.Spec, before State, err error) error {
	if err == nil || before.Was == nil {
		return err
	}
	secrets := r.givenBefore(ctx, spec, &before)
	if env, unread := r.readEnv(); unread == nil {
		secrets = append(secrets, env.Values()...)
	}
	text := scrub.New(secrets).String(err.Error())
	if text == err.Error() {
		return err
	}
	f := fault.New(fault.ReasonOf(err), "%s", text).WithHint("%s", fault.HintOf(err))
	f.Retry = fault.Retryable(err)
	return f
}

// givenBefore returns the values that the old container was given. before may be nil.
func (r *Runtime) givenBefore(ctx context.Context, spec workload.Spec, before *State) []string {
	if before == nil || before.Was == nil {
		return nil
	}
	return r.given(ctx, spec, engine.Container{ImageID: before.ImageID, Env: before.Was.Env()})
}

// putBack has the old container run again: the very same, if Compose has not removed it,
// or else another that is made by its request.
func (r *Runtime) putBack(ctx context.Context, spec workload.Spec, before State, emit func(workload.Event)) error {
	f, err := r.fleet(ctx, spec)
	if err != nil {
		return err
	}
	switch main := f.main; {
	case main != nil && main.ID == before.Container:
		err = r.resume(ctx, f, before, emit)
	case before.Was == nil:
		return fault.New(fault.EngineFailed, "the create request of container %s is in a file that only root and the account that began the change may read",
			workload.ShortID(before.Container))
	case main != nil && !f.disturbed() && before.Was.Made(*main):
		// A revert was interrupted, or its start failed: Engine 29 takes a container that
		// could not start off its networks.
		if err = r.engine.Rejoin(ctx, before.Was, main.ID); err == nil && before.Running && !main.Running {
			err = r.engine.StartContainer(ctx, main.ID)
		}
	default:
		err = r.rebuild(ctx, spec, f, before, emit)
	}
	if err != nil {
		return err
	}
	return r.awaitOld(ctx, spec, before)
}

// resume starts the old container, which Compose may be stopping, or has taken off its
// networks.
func (r *Runtime) resume(ctx context.Context, f fleet, before State, emit func(workload.Event)) error {
	if f.disturbed() && f.main.Running {
		// It may be about to stop: that it runs means nothing.
		if err := r.stop(ctx, f.main); err != nil {
			return err
		}
		f.main.Running = false
	}
	for _, c := range f.leftovers {
		if err := r.engine.RemoveContainer(ctx, c.ID); err != nil {
			return err
		}
	}
	if before.Was != nil {
		if err := r.engine.Rejoin(ctx, before.Was, f.main.ID); err != nil {
			return err
		}
	}
	if f.main.Running || !before.Running {
		return nil
	}
	emit(workload.Event{Point: workload.PointSettle, Text: "container " + workload.ShortID(f.main.ID) + " is started again"})
	return r.engine.StartContainer(ctx, f.main.ID)
}

// rebuild makes the old container again. The new version is stopped only when its
// successor is there. Interrupted, it leaves a container that has the name of a
// leftover of Compose's, or that is not started yet.
func (r *Runtime) rebuild(ctx context.Context, spec workload.Spec, f fleet, before State, emit func(workload.Event)) error {
	for _, c := range f.leftovers {
		if err := r.engine.RemoveContainer(ctx, c.ID); err != nil {
			return err
		}
	}
	if err := r.bringImage(ctx, spec, before, emit); err != nil {
		return err
	}
	emit(workload.Event{Point: workload.PointSettle, Text: "container " + spec.Compose.ContainerName + " is made again as it was"})
	// Its request may name the image by the stable name.
	if err := r.engine.Tag(ctx, before.ImageID, spec.Compose.Image); err != nil {
		return err
	}
	id, err := r.engine.Build(ctx, before.Was, workload.ShortID(before.Container)+"_"+spec.Compose.ContainerName)
	if err != nil {
		return err
	}
	if f.main != nil {
		if err := r.stop(ctx, f.main); err != nil {
			return err
		}
		if err := r.engine.RemoveContainer(ctx, f.main.ID); err != nil {
			return err
		}
	}
	if err := r.engine.RenameContainer(ctx, id, spec.Compose.ContainerName); err != nil {
		return err
	}
	if !before.Running {
		return nil
	}
	return r.engine.StartContainer(ctx, id)
}

// stop has a container stop by its own rules, within the time of its recreate.
func (r *Runtime) stop(ctx context.Context, c *engine.Container) error {
	ctx, cancel := context.WithTimeout(ctx, r.limits.with(c.StopTimeout).recreate)
	defer cancel()
	return r.engine.StopContainer(ctx, c.ID)
}

// bringImage stages the old image again if it is gone all the same: a person may have
// removed the holder, too.
func (r *Runtime) bringImage(ctx context.Context, spec workload.Spec, before State, emit func(workload.Event)) error {
	_, err := r.engine.Image(ctx, before.ImageID)
	if !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	gone := fault.New(fault.EngineFailed, "%w: %s", errGone, workload.ShortID(before.ImageID))
	if before.Image.Commit.IsZero() {
		return gone
	}
	emit(workload.Event{Point: workload.PointSettle, Text: "the image of " + before.Image.Commit.Short() + " is gone and is staged again"})
	if err := r.stager.Stage(ctx, before.Image, commitTag(spec, before.Image.Commit), emit); err != nil {
		gone.Err, gone.Retry = fmt.Errorf("%w, and cannot be staged again: %w", gone.Err, err), fault.Retryable(err)
		return gone
	}
	_, err = r.engine.Image(ctx, before.ImageID)
	if errors.Is(err, engine.ErrNotFound) {
		return gone
	}
	return err
}
