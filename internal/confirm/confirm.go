// Package confirm makes every change of a workload provisional, as routers do
// with commit-confirmed: what stands before it is durable before anything is
// touched, one change at a time is under way, and a change that is not kept is
// taken back, by this process or by the next one. It turns a [Runtime], which
// knows how to switch one kind of workload, into a [workload.Target].
//
// The danger is a process that dies half-way while the program it had started
// goes on. The lock is therefore a file that the runtime hands to that program:
// whoever comes next waits until it has ended, too.
package confirm

import (
	"context"
	"os"
	"regexp"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Runtime switches workloads of one kind and remembers nothing. S is what it
// needs to know to take a change back; it is kept as JSON.
type Runtime[S any] interface {
	// Observe is as in [workload.Observer], without Pending and Last.
	workload.Observer
	// Stage and Logs are as in [workload.Target].
	Stage(ctx context.Context, spec workload.Spec, image artifact.Image, emit func(workload.Event)) error
	Logs(ctx context.Context, spec workload.Spec, instance string, lines int) ([]string, error)
	// Snapshot reads what the change will replace and changes nothing. It refuses
	// what cannot be switched, or could not be taken back, with WORKLOAD_UNFIT.
	Snapshot(ctx context.Context, change workload.Change) (workload.Before, S, error)
	// Apply makes the change, emitting PointTag to PointSwitch. It may find itself
	// or a Restore half done and goes on from there; what is done is not done
	// again. Every program that goes on without this process inherits lock.
	Apply(ctx context.Context, change workload.Change, before S, lock *os.File, emit func(workload.Event)) error
	// Restore takes the change back from wherever it is, and returns without error
	// only when what ran before runs again. Its error's hint are the commands by
	// which a person does the same.
	Restore(ctx context.Context, change workload.Change, before S, lock *os.File, emit func(workload.Event)) error
	// Retire lets the images of these commits go, but for those in use.
	Retire(ctx context.Context, spec workload.Spec, commits []artifact.Commit, emit func(workload.Event)) error
}

// Target is a [workload.Target] whose changes survive the process. Its state
// folder belongs to one runtime.
type Target[S any] struct {
	runtime Runtime[S]
	store   store[S]
	// Wait is how long Switch and Settle wait for another process's hand on the
	// same workload, or for what that process left running.
	Wait time.Duration
	// Patience bounds the work that goes on after the caller has given up: taking
	// a change back, letting images go.
	Patience time.Duration
	// Now is the wall clock, which may be set at any time.
	Now func() time.Time
}

// Defaults of [Target]'s settings.
const (
	DefaultWait     = 2 * time.Minute
	DefaultPatience = 5 * time.Minute
)

// New returns a target that keeps its state in the folder dir, made when needed.
func New[S any](runtime Runtime[S], dir string) *Target[S] {
	return &Target[S]{runtime: runtime, store: store[S]{dir: dir}, Wait: DefaultWait, Patience: DefaultPatience, Now: time.Now}
}

var (
	projectForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	serviceForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`)
)

// check refuses a name that is not fit for a file name.
func check(spec workload.Spec) error {
	if c := spec.Ref.Compose; c == nil || !projectForm.MatchString(c.Project) || !serviceForm.MatchString(c.Service) {
		return fault.New(fault.InvalidRequest, "the workload's name is not a Compose project and service")
	}
	return nil
}

// Observe implements [workload.Observer].
func (t *Target[S]) Observe(ctx context.Context, spec workload.Spec, probe bool) (workload.Observation, error) {
	if err := check(spec); err != nil {
		return workload.Observation{}, err
	}
	seen, err := t.runtime.Observe(ctx, spec, probe)
	if err != nil {
		return workload.Observation{}, err
	}
	r, last, err := t.store.load(spec.Ref)
	if err != nil {
		return workload.Observation{}, err
	}
	if r != nil {
		seen.Pending = r.pending()
	}
	seen.Last = last
	return seen, nil
}

// Containers implements [workload.Observer].
func (t *Target[S]) Containers(ctx context.Context, spec workload.Spec) ([]workload.Container, error) {
	if err := check(spec); err != nil {
		return nil, err
	}
	return t.runtime.Containers(ctx, spec)
}

// Stage implements [workload.Target].
func (t *Target[S]) Stage(ctx context.Context, spec workload.Spec, image artifact.Image, emit func(workload.Event)) error {
	if err := check(spec); err != nil {
		return err
	}
	return t.runtime.Stage(ctx, spec, image, emit)
}

// Logs implements [workload.Target].
func (t *Target[S]) Logs(ctx context.Context, spec workload.Spec, instance string, lines int) ([]string, error) {
	if err := check(spec); err != nil {
		return nil, err
	}
	return t.runtime.Logs(ctx, spec, instance, lines)
}

// Unsettled returns the changes that nobody has settled yet, of all workloads;
// with an error, those that could be read.
func (t *Target[S]) Unsettled() ([]workload.Pending, error) { return t.store.unsettled() }
