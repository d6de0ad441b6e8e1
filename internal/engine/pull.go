package engine

import (
	"context"
	"errors"
	"time"

	"github.com/containerd/errdefs"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Pull has the engine fetch an image from the registry in its name, without
// credentials, and reads the answer to its end. It gives up if the engine reports no
// progress for as long as stall. report receives the bytes each time that they change.
//
// IMAGE_UNAVAILABLE when the engine cannot fetch it, whatever the reason: only the
// engine's words distinguish a missing image, a forbidden image and an unreachable
// registry, and those are for a person. It is meant for the image of the managed
// registry; a service's image comes by [Client.Load]. ENGINE_UNAVAILABLE, which may
// pass, when the engine goes away before it has answered.
func (c *Client) Pull(ctx context.Context, ref string, stall time.Duration, report func(Pulled)) error {
	ctx, alive, stop := watch(ctx, stall, unavailable(ref, fault.New(fault.EngineFailed, "no progress for %v", stall)))
	defer stop()
	answer, err := c.postPull(ctx, ref)
	if err == nil {
		defer answer.Close()
		count := pullCount{}
		_, err = readAnswer(answer, func(l line) {
			alive()
			if count.add(l) {
				report(count.sum())
			}
		})
	} else if !errdefs.IsNotFound(err) {
		err = explain(err, "fetch")
	}
	if cause := context.Cause(ctx); errors.Is(cause, context.DeadlineExceeded) && err != nil {
		return unavailable(ref, fault.New(fault.EngineFailed, "not done in time"))
	} else if cause != nil && err != nil {
		return cause
	}
	switch fault.ReasonOf(err) {
	case fault.DiskFull, fault.EngineUnavailable:
		return err
	}
	if fault.Retryable(err) { // its answer broke off
		return fault.Transient(fault.EngineUnavailable, "the engine went away while it pulled %s: %w", ref, err)
	}
	if err == nil {
		_, err = c.Image(ctx, ref) // believed when it is seen
	}
	if err != nil {
		return unavailable(ref, err)
	}
	return nil
}

func unavailable(ref string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fault.New(fault.ImageUnavailable, "pull %s: %w", ref, err).
		WithHint("bring the image to the agent's host by hand: `docker pull %s`, or `docker load` with an archive of it", ref)
}
