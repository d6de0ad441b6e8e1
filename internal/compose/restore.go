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

// Restore implements [confirm.Runtime].
func (r *Runtime) Restore(ctx context.Context, spec workload.Spec, change workload.Change, before State, lock *os.File, emit func(workload.Event)) error {
	if err := r.restore(ctx, spec, change, before, lock, emit); err != nil {
		f := &fault.Error{Reason: fault.ReasonOf(err), Retry: fault.Retryable(err), Err: err}
		return f.WithHint("%s", r.manual(spec, before)).WithAction(fault.Recover)
	}
	return nil
}

func (r *Runtime) restore(ctx context.Context, spec workload.Spec, change workload.Change, before State, lock *os.File, emit func(workload.Event)) error {
	err := envfile.Update(ctx, r.config.EnvFile, before.Undo.Revert)
	if err != nil {
		return err
	}
	if before.Container == "" {
		err = r.removeNew(ctx, spec)
	} else {
		err = r.bringBack(ctx, spec, change, before, lock, emit)
	}
	if err != nil {
		return err
	}
	return r.restoreName(ctx, spec, before)
}

// removeNew ends a change before which nothing ran.
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

// isOld reports whether a container is the one that ran before, or another one
// made of the same image and not by this change.
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
			// One that the engine was still making when Compose was killed.
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

// restoreName lets the stable name mean what it meant before.
func (r *Runtime) restoreName(ctx context.Context, spec workload.Spec, before State) error {
	if before.Stable != "" {
		return r.engine.Tag(ctx, before.Stable, spec.Compose.Image)
	}
	err := r.engine.Untag(ctx, spec.Compose.Image)
	if errors.Is(err, engine.ErrInUse) {
		return nil // it is a name and no more
	}
	return err
}

// manual is how a person brings back what ran before.
func (r *Runtime) manual(spec workload.Spec, before State) string {
	var lines []string
	for _, k := range before.Undo.Keys {
		if k.Had {
			lines = append(lines, fmt.Sprintf("# in %s: %s=%s", r.config.EnvFile, k.Key, k.Text))
		} else {
			lines = append(lines, fmt.Sprintf("# in %s: remove %s", r.config.EnvFile, k.Key))
		}
	}
	if before.Container == "" {
		lines = append(lines, plain.Command("docker", "rm", "-f", spec.Compose.ContainerName))
	} else {
		lines = append(lines, plain.Command("docker", "tag", before.ImageID, spec.Compose.Image),
			"cd "+plain.Command(r.config.Root)+" && "+plain.Command(append([]string{"docker"}, r.upArguments(spec.Ref.Name())...)...))
	}
	return strings.Join(lines, "\n") + "\n"
}
