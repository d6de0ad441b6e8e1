// Package workload is the vocabulary between what decides and what acts: which
// service on a host is meant, what was seen of it, what is to change. The
// controller's brain and every runtime (Compose here, Compose and Kubernetes
// behind an agent) speak it; nothing in it decides and nothing does I/O.
package workload

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Observer reads. Nothing on the host changes.
type Observer interface {
	// Observe returns what is there now. A workload that the host does not know
	// is WORKLOAD_NOT_FOUND. With probe false no health endpoint is asked.
	Observe(ctx context.Context, ref Ref, probe bool) (Observation, error)
	// Neighbours returns every instance on the engine that the workload runs on, the
	// workload's own too.
	Neighbours(ctx context.Context, ref Ref) ([]Neighbour, error)
	// FindImage returns the image that the digests name, as the workload's runtime has it:
	// the values of its config, without layers. No registry is asked. false means that the
	// runtime does not have all of the image.
	FindImage(ctx context.Context, ref Ref, image artifact.Pinned) (artifact.Image, bool, error)
}

// Target is a place that a workload can be switched on.
type Target interface {
	Observer
	// Stage brings the image, whole and verified, into the runtime that will run it.
	// Nothing that runs is touched; a second call brings only what is missing.
	Stage(ctx context.Context, ref Ref, image artifact.Pinned, emit func(Event)) error
	// Switch makes the change provisionally, after it has made the before-image durable.
	// It fails with STALE if what runs is not what the caller saw, CHANGE_PENDING if
	// another change is not settled, WORKLOAD_UNFIT if the host's configuration does not
	// allow it. With the id of the pending change it goes on with that change: what is
	// done stays.
	Switch(ctx context.Context, change Change, emit func(Event)) error
	// Renew reports that the change's run lives. It fails with CHANGE_NOT_FOUND if the
	// change is not pending (any more).
	Renew(ctx context.Context, ref Ref, changeID string) error
	// Settle ends the change. It is idempotent: the same outcome again is no error. Keep
	// fails with STALE, and the change stays pending, if what runs is not what was proven.
	// When Revert returns without error, what ran before runs again, except what
	// [Settled.Left] names.
	Settle(ctx context.Context, ref Ref, settlement Settlement, emit func(Event)) error
	// Logs returns the end of an instance's output, scrubbed of secrets.
	Logs(ctx context.Context, ref Ref, instance string, tail Tail) (Output, error)
}
