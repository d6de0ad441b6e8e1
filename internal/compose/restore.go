package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Holds implements [confirm.Runtime]: another container has another id.
func (r *Runtime) Holds(context.Context, workload.Spec, workload.Change, State) error { return nil }

// Restore implements [confirm.Runtime]. The container comes first: a file that was spoilt
// since must not keep down what ran.
func (r *Runtime) Restore(ctx context.Context, spec workload.Spec, change workload.Change, before State, lock *os.File, emit func(workload.Event)) error {
	if before.Known && before.Was == nil {
		// The record of another account: the holder has the same.
		before.Was, _ = r.engine.Held(ctx, Holder(spec), change.ID)
	}
	if err := r.restore(ctx, spec, change, before, lock, emit); err != nil {
		f := &fault.Error{Reason: fault.ReasonOf(err), Retry: fault.Retryable(err), Err: r.scrubbed(ctx, spec, before, err)}
		return f.WithHint("%s", r.manual(spec, before, err)).WithAction(fault.Recover)
	}
	return nil
}

func (r *Runtime) restore(ctx context.Context, spec workload.Spec, change workload.Change, before State, lock *os.File, emit func(workload.Event)) (err error) {
	switch {
	case before.Container == "":
		err = r.removeNew(ctx, spec)
	case before.Known:
		err = r.putBack(ctx, spec, before, emit)
	default:
		// A record of an older program, which had nothing but the files.
		if err := envfile.Update(ctx, r.config.EnvFile, before.Undo.Revert); err != nil {
			return err
		}
		err = r.bringBack(ctx, spec, change, before, lock, emit)
	}
	if err != nil {
		return err
	}
	if err := r.restoreName(ctx, spec, before, emit); err != nil {
		return err
	}
	if err := r.restoreKeys(ctx, before, emit); err != nil {
		return err
	}
	return r.engine.Release(ctx, Holder(spec))
}

// restoreKeys puts the deploy keys of the env file back. If the file is no env file any
// more, it is left for a person to repair, with a warning.
func (r *Runtime) restoreKeys(ctx context.Context, before State, emit func(workload.Event)) error {
	err := envfile.Update(ctx, r.config.EnvFile, before.Undo.Revert)
	if err == nil {
		return nil
	}
	if _, unread := envfile.Load(r.config.EnvFile); unread == nil || fault.ReasonOf(unread) != fault.EnvFileInvalid {
		return err
	}
	emit(workload.Event{Point: workload.PointSettle, Warning: true, Text: "the deploy keys in the env file stay as they are, since it cannot be read: " + err.Error() +
		"; repair it, then set in it: " + strings.Join(r.keys(before), ", ")})
	return nil
}

// removeNew reverts a change before which nothing ran: it removes the containers.
func (r *Runtime) removeNew(ctx context.Context, spec workload.Spec) error {
	f, err := r.fleet(ctx, spec)
	if err != nil {
		return err
	}
	ours := f.leftovers
	if f.main != nil {
		ours = append(ours, *f.main)
	}
	for _, c := range ours {
		if err := r.engine.RemoveContainer(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// bringBack recreates the old container, unless it was never touched or has been
// brought back already.
func (r *Runtime) bringBack(ctx context.Context, spec workload.Spec, change workload.Change, before State, lock *os.File, emit func(workload.Event)) error {
	f, err := r.fleet(ctx, spec)
	if err != nil {
		return err
	}
	main, err := r.clear(ctx, spec, f)
	if err != nil {
		return err
	}
	if f.disturbed() || !isOld(main, spec, change, before) {
		// Compose runs what the stable name means, which is put right afterwards.
		if err := r.engine.Tag(ctx, before.ImageID, spec.Compose.Image); err != nil {
			return err
		}
		emit(workload.Event{Point: workload.PointSettle, Text: "docker compose recreates " + spec.Ref.Name() + " as it was"})
		if err := r.up(ctx, spec, lock); err != nil {
			return err
		}
	}
	return r.awaitOld(ctx, spec, before)
}

// isOld reports whether a container is the container that ran before, or another
// container of the same image and not made by this change.
func isOld(c *engine.Container, spec workload.Spec, change workload.Change, before State) bool {
	switch {
	case c == nil || c.ImageID != before.ImageID:
		return false
	case c.ID == before.Container:
		return c.Running || !before.Running
	default:
		return c.Running && !isNew(c, spec, change, c.ImageID)
	}
}

// awaitOld waits until what ran before runs again. What did not run before need
// not run now.
func (r *Runtime) awaitOld(ctx context.Context, spec workload.Spec, before State) error {
	ctx, cancel := context.WithTimeout(ctx, r.limits.settle)
	defer cancel()
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for {
		f, err := r.fleet(ctx, spec)
		if err != nil {
			return err
		}
		if c := f.main; c != nil && c.ImageID == before.ImageID && (c.Running || !before.Running) {
			// A container that the engine was still making when Compose was killed.
			_, err = r.clear(ctx, spec, f)
			return err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fault.New(fault.ComposeFailed, "%s does not run image %s again", spec.Compose.ContainerName, workload.ShortID(before.ImageID))
		}
	}
}

// restoreName lets the stable name mean what it meant before. If that image is gone, it
// means what runs.
func (r *Runtime) restoreName(ctx context.Context, spec workload.Spec, before State, emit func(workload.Event)) error {
	if before.Stable != "" {
		err := r.engine.Tag(ctx, before.Stable, spec.Compose.Image)
		if !errors.Is(err, engine.ErrNotFound) || before.ImageID == "" || before.ImageID == before.Stable {
			return err
		}
		emit(workload.Event{Point: workload.PointSettle, Warning: true, Text: "image " + workload.ShortID(before.Stable) + ", which " + spec.Compose.Image +
			" meant, is gone: the name means what runs"})
		return r.engine.Tag(ctx, before.ImageID, spec.Compose.Image)
	}
	err := r.engine.Untag(ctx, spec.Compose.Image)
	if errors.Is(err, engine.ErrInUse) {
		return nil // it is a name and no more
	}
	return err
}

// keys are the lines of the env file as they were before the change.
func (r *Runtime) keys(before State) (lines []string) {
	for _, k := range before.Undo.Keys {
		if k.Had {
			lines = append(lines, k.Key+"="+k.Text)
		} else {
			lines = append(lines, "no "+k.Key)
		}
	}
	return lines
}

// manual returns how a person brings back what ran before, after a revert failed with err.
func (r *Runtime) manual(spec workload.Spec, before State, err error) string {
	var lines []string
	for _, line := range r.keys(before) {
		lines = append(lines, fmt.Sprintf("# in %s: %s", r.config.EnvFile, line))
	}
	switch {
	case before.Container == "":
		lines = append(lines, plain.Command("docker", "rm", "-f", spec.Compose.ContainerName))
	case errors.Is(err, errGone) && !before.Image.Commit.IsZero():
		lines = []string{"its image is not here any more: a deploy of " + before.Image.Commit.String() + " stages it again and reverts this change"}
	case errors.Is(err, errGone):
		lines = []string{"its image " + before.ImageID + " is not here any more: bring it back (docker load, docker pull), then"}
	case before.Was == nil && before.Known:
		lines = []string{"what ran is in a file that is its owner's alone: the account that began the change, or root, reverts it"}
	case before.Known:
		// It has been put in its place, or it never lost it.
		lines = append(lines, "# repair what the engine complains of, then", plain.Command("docker", "start", spec.Compose.ContainerName))
	default:
		lines = append(lines, plain.Command("docker", "tag", before.ImageID, spec.Compose.Image),
			"cd "+plain.Command(r.config.Root)+" && "+plain.Command(append([]string{"docker"}, r.upArguments(spec.Ref.Name())...)...))
	}
	return strings.Join(lines, "\n") + "\n"
}
