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
	// FindImage returns the image that the digests name as the host has it where the
	// workload would run: what its config has, without layers. No registry is asked.
	// false means that the host does not have all of it.
	FindImage(ctx context.Context, ref Ref, image artifact.Pinned) (artifact.Image, bool, error)
}

// Target is a place that a workload can be switched on.
type Target interface {
	Observer
	// Stage brings the image, whole and verified, to where it will run. Nothing
	// that runs is touched; calling it again costs what is missing.
	Stage(ctx context.Context, ref Ref, image artifact.Pinned, emit func(Event)) error
	// Switch makes the change, provisionally: before-image first, durably. STALE
	// when what runs is not what the caller saw, CHANGE_PENDING when another
	// change is not settled, WORKLOAD_UNFIT when the host's configuration does not
	// allow it. With the id of its own pending change it attaches: what is not done
	// yet is done, what is done stays.
	Switch(ctx context.Context, change Change, emit func(Event)) error
	// Renew reports that the change's run lives. CHANGE_NOT_FOUND if the change is not
	// pending (any more).
	Renew(ctx context.Context, ref Ref, changeID string) error
	// Settle ends the change. Idempotent: the same outcome again is no error. Keep is
	// STALE, and the change stays pending, if what runs is not what was proven.
	// After Revert returns without error what ran before runs again, but for what
	// [Settled.Left] names.
	Settle(ctx context.Context, ref Ref, settlement Settlement, emit func(Event)) error
	// Logs returns the end of an instance's output, scrubbed of secrets.
	Logs(ctx context.Context, ref Ref, instance string, tail Tail) (Output, error)
}
