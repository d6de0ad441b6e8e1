// Package confirm makes every change of a workload provisional, as routers do with
// commit-confirmed: a record of the old state is durable before anything is touched, a
// single change at a time is under way, and a change that is not kept is reverted, by this
// process or by the next. It turns a [Runtime], which switches a kind of workload, into
// a [workload.Target].
//
// The danger is a process that dies half-way while the program it had started goes on.
// The lock is therefore a file that the runtime hands to that program: the next process
// waits until it has ended, too.
package confirm

import (
	"context"
	"os"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Runtime switches workloads of a kind and remembers nothing. S is what it needs to
// revert a change; it is kept as JSON.
type Runtime[S any] interface {
	// Observe is as in [workload.Observer], without Pending and Last.
	workload.Observer
	// Stage and Logs are as in [workload.Target]. before is what an unsettled change
	// replaces, nil if no change is unsettled: an instance may have its secrets, too.
	Stage(ctx context.Context, ref workload.Ref, image artifact.Pinned, emit func(workload.Event)) error
	Logs(ctx context.Context, ref workload.Ref, before *S, instance string, tail workload.Tail) (workload.Output, error)
	// Placement returns the workload as the host's configuration has it: all that a
	// switch needs, or WORKLOAD_UNFIT with what to add to the configuration, or
	// WORKLOAD_NOT_FOUND.
	Placement(ref workload.Ref) (workload.Spec, error)
	// Snapshot reads what the change will replace and changes nothing. It refuses what
	// cannot be switched, or could not be reverted, with WORKLOAD_UNFIT.
	Snapshot(ctx context.Context, spec workload.Spec, change workload.Change) (workload.Before, S, error)
	// Apply makes the change, emitting PointTag to PointSwitch. It may find itself
	// or a Restore half done and goes on from there; what is done is not done
	// again. Every program that goes on without this process inherits lock.
	Apply(ctx context.Context, spec workload.Spec, change workload.Change, before S, lock *os.File, emit func(workload.Event)) error
	// Holds fails with STALE if another writer changed what Apply made. It does not
	// compare the copies that run.
	Holds(ctx context.Context, spec workload.Spec, change workload.Change, before S) error
	// Restore reverts the change from any point, and returns without error only when what
	// ran before runs again. An object that another writer changed since stays as it is,
	// with a warning that names its unit. The hint of an error holds the commands by which
	// a person does the same.
	Restore(ctx context.Context, spec workload.Spec, change workload.Change, before S, lock *os.File, emit func(workload.Event)) error
	// Retire releases the images of these commits, except images in use.
	Retire(ctx context.Context, spec workload.Spec, commits []artifact.Commit, emit func(workload.Event)) error
}

// Secretive is a state with a part that holds secrets. That part is kept in a file of the
// account's own, even when a group works in the state folder: another account gets the
// rest, and the runtime must be able to do with it.
type Secretive[S any] interface {
	// Split returns the state without its secrets, and these; nil for none.
	Split() (open S, secret []byte, err error)
	// Join returns the state with its secrets.
	Join(secret []byte) (S, error)
}

// Barring is a runtime that replaces files which may be another account's.
type Barring interface {
	// Barred returns why this account cannot do all that Restore does, nil if it can. The
	// hint names the account that can.
	Barred() error
}

// Comparing is a runtime that compares what runs with what its definition would make now.
// It is asked with the health, if no change is unsettled.
type Comparing interface {
	Compare(ctx context.Context, ref workload.Ref, seen workload.Observation) *workload.Drift
}

// Target is a [workload.Target] whose changes survive the process. Its state folder
// belongs to a single runtime.
type Target[S any] struct {
	runtime Runtime[S]
	store   store[S]
	// Wait is how long Switch and Settle wait for the lock of the workload, which another
	// process has, or a program that it left running.
	Wait time.Duration
	// Patience bounds the work that goes on after the caller has given up: a revert, the
	// removal of images.
	Patience time.Duration
	// Lease is how long a change's run is believed to live since its last renewal; 0 on
	// a host on which a run holds its own lock.
	Lease  time.Duration
	leases *leases
	// Now is the wall clock, which may be set at any time.
	Now func() time.Time
	// Takes, if not nil, returns a listener for a change that Watch reverts.
	Takes func(workload.Change) Listener
}

// Defaults of [Target]'s settings.
const (
	DefaultWait = 2 * time.Minute
	// DefaultPatience has room for a container that takes ten minutes to stop, the most
	// that package proof lets pass.
	DefaultPatience = 14 * time.Minute
)

// New returns a target that keeps its state in the folder dir, made when needed.
func New[S any](runtime Runtime[S], dir string) *Target[S] {
	return &Target[S]{runtime: runtime, store: store[S]{dir: dir}, Wait: DefaultWait, Patience: DefaultPatience, leases: newLeases(), Now: time.Now}
}

// TrustOnly has the target refuse a record with PATH_REFUSED, unless root, its own
// account or an account that trusts accepts wrote it. It is for a state folder in which
// an account may write that may not do what a record asks for.
func (t *Target[S]) TrustOnly(trusts func(uid int) bool) { t.store.trusts = trusts }

// check refuses the zero name; every other name is fit for a file name.
func check(ref workload.Ref) error {
	if ref.IsZero() {
		return fault.New(fault.InvalidRequest, "the request names no workload")
	}
	return nil
}

// Observe implements [workload.Observer].
func (t *Target[S]) Observe(ctx context.Context, ref workload.Ref, probe bool) (workload.Observation, error) {
	if err := check(ref); err != nil {
		return workload.Observation{}, err
	}
	seen, err := t.runtime.Observe(ctx, ref, probe)
	if err != nil {
		return workload.Observation{}, err
	}
	r, last, err := t.store.load(ref)
	if err != nil {
		return workload.Observation{}, err
	}
	if r != nil {
		if h := seen.Holds; h != nil && h.Change == r.Change.ID {
			seen.Holds = nil
		}
		seen.Pending = r.pending()
		seen.Pending.Barred = fault.HintOf(t.barred(ref))
		if t.Lease > 0 {
			seen.Pending.HeldUntil = t.leases.until(r.Change.ID, t.Lease)
		}
	}
	if c, compares := any(t.runtime).(Comparing); compares && probe && r == nil {
		seen.Drift = c.Compare(ctx, ref, seen)
	}
	seen.Last = last
	return seen, nil
}

// Neighbours implements [workload.Observer].
func (t *Target[S]) Neighbours(ctx context.Context, ref workload.Ref) ([]workload.Neighbour, error) {
	if err := check(ref); err != nil {
		return nil, err
	}
	return t.runtime.Neighbours(ctx, ref)
}

// FindImage implements [workload.Observer].
func (t *Target[S]) FindImage(ctx context.Context, ref workload.Ref, image artifact.Pinned) (artifact.Image, bool, error) {
	if err := check(ref); err != nil {
		return artifact.Image{}, false, err
	}
	return t.runtime.FindImage(ctx, ref, image)
}

// Stage implements [workload.Target].
func (t *Target[S]) Stage(ctx context.Context, ref workload.Ref, image artifact.Pinned, emit func(workload.Event)) error {
	if err := check(ref); err != nil {
		return err
	}
	return t.runtime.Stage(ctx, ref, image, emit)
}

// Logs implements [workload.Target].
func (t *Target[S]) Logs(ctx context.Context, ref workload.Ref, instance string, tail workload.Tail) (workload.Output, error) {
	if err := check(ref); err != nil {
		return workload.Output{}, err
	}
	var before *S
	r, _, err := t.store.load(ref)
	if err != nil {
		return workload.Output{}, err
	}
	if r != nil {
		before = &r.State
	}
	return t.runtime.Logs(ctx, ref, before, instance, tail)
}

// Unsettled returns the changes that are not settled yet, of all workloads; with an
// error, those that could be read.
func (t *Target[S]) Unsettled() ([]workload.Pending, error) { return t.store.unsettled() }
