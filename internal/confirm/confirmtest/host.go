// Package confirmtest is a host in memory, which [confirm.Target] drives in tests without
// an engine. It outlives the targets made of it, as a machine outlives processes, and a
// test can make an act on it break off at any step.
package confirmtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Host is the machine. It has a single service, of which nothing runs at first.
type Host struct {
	// Break is called before each step; its error ends the act there, as a crash
	// would. It may also kill the process.
	Break func(Step) error
	// Lock is called with the lock of each act.
	Lock func(*os.File)
	// Labels returns the labels of an image; nil for its revision only.
	Labels func(artifact.Pinned) map[string]string
	// Health answers a probe of a running container.
	Health func(workload.Instance) workload.Health

	mu      sync.Mutex
	spec    workload.Spec
	secrets map[string]string
	images  map[string]artifact.Pinned // by id: the config's digest
	names   map[string]string          // name to image id
	env     map[string]string
	main    *workload.Instance
	clock   time.Time
	faults  faults
}

// State is what the host needs to take a change back.
type State struct {
	Container string            `json:"container,omitempty"`
	ImageID   string            `json:"imageId,omitempty"`
	Name      string            `json:"name,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
}

// New returns a host that has the workload of spec, and these secrets in its env file.
func New(spec workload.Spec, secrets map[string]string) *Host {
	return &Host{
		spec: spec, secrets: secrets, images: map[string]artifact.Pinned{}, names: map[string]string{}, env: map[string]string{},
		clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func (h *Host) step(s Step) error {
	h.mu.Lock()
	err := h.faults.steps[s]
	h.mu.Unlock()
	if err == nil && h.Break != nil {
		err = h.Break(s)
	}
	return err
}

func (h *Host) has(ref workload.Ref) error {
	if ref != h.spec.Ref {
		return fault.New(fault.WorkloadNotFound, "this host has %s only", h.spec.Ref)
	}
	return nil
}

// Placement implements [confirm.Runtime].
func (h *Host) Placement(ref workload.Ref) (workload.Spec, error) {
	if err := h.has(ref); err != nil {
		return workload.Spec{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.placed().Placed() {
		return workload.Spec{}, fault.New(fault.WorkloadUnfit, "this host names %s and says no more of it", ref)
	}
	return h.placed(), nil
}

// placed is the workload as the host's configuration has it.
func (h *Host) placed() workload.Spec {
	if p := h.faults.placed; p != nil {
		return *p
	}
	return h.spec
}

// Stage implements [confirm.Runtime].
func (h *Host) Stage(_ context.Context, ref workload.Ref, image artifact.Pinned, emit func(workload.Event)) error {
	if err := h.has(ref); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.faults.stage != nil {
		return h.faults.stage
	}
	h.images[image.Config.String()] = image
	h.names[image.Commit.String()] = image.Config.String()
	emit(workload.Event{Point: workload.PointStaged, Text: image.Commit.Short(), Transfer: &workload.Transfer{Wire: 60, Whole: 100}})
	return nil
}

// Snapshot implements [confirm.Runtime].
func (h *Host) Snapshot(_ context.Context, spec workload.Spec, change workload.Change) (workload.Before, State, error) {
	if err := h.has(spec.Ref); err != nil {
		return workload.Before{}, State{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.names[change.Image.Commit.String()] == "" {
		return workload.Before{}, State{}, workload.NotStaged(change.Image.Commit)
	}
	s := State{Name: h.names["stable"], Env: maps.Clone(h.env)}
	if h.main == nil {
		return workload.Before{}, s, nil
	}
	s.Container, s.ImageID = h.main.ID, h.main.ImageID
	return workload.Before{
		Basis: workload.Basis(h.main.ID), Running: h.main.Running, ImageID: h.main.ImageID, Config: h.main.Config, Commit: h.main.Labels[artifact.LabelRevision],
	}, s, nil
}

// Apply implements [confirm.Runtime].
func (h *Host) Apply(ctx context.Context, _ workload.Spec, change workload.Change, _ State, lock *os.File, emit func(workload.Event)) error {
	if h.Lock != nil {
		h.Lock(lock)
	}
	id := change.Image.Config.String()
	return h.run(ctx,
		act{Retag, func() { h.names["stable"] = id; emit(workload.Event{Point: workload.PointTag}) }},
		act{Configure, func() { h.env = maps.Clone(change.Stamps); emit(workload.Event{Point: workload.PointConfigure}) }},
		act{Remove, func() {
			if !h.isNew(change) {
				emit(workload.Event{Point: workload.PointReplace})
				h.main = nil
			}
		}},
		act{Create, func() {
			if h.main == nil {
				h.create(id, change.Stamps)
			}
		}},
		act{Start, func() { h.main.Running = true }},
		act{Report, func() { emit(workload.Event{Point: workload.PointSwitch, Text: h.main.ID}) }},
	)
}

// Holds implements [confirm.Runtime].
func (h *Host) Holds(context.Context, workload.Spec, workload.Change, State) error { return nil }

// Restore implements [confirm.Runtime].
func (h *Host) Restore(ctx context.Context, _ workload.Spec, change workload.Change, before State, lock *os.File, emit func(workload.Event)) error {
	if h.Lock != nil {
		h.Lock(lock)
	}
	old := func() bool { return h.main != nil && h.main.ImageID == before.ImageID && !h.isNew(change) }
	err := h.run(ctx,
		act{PutEnv, func() { h.env = maps.Clone(before.Env) }},
		act{PutBack, func() {
			if !old() {
				h.main = nil
			}
		}},
		act{PutStart, func() {
			switch {
			case before.Container == "":
				h.main = nil
			case h.main == nil:
				h.create(before.ImageID, before.Env)
				fallthrough
			default:
				h.main.Running = true
			}
		}},
		act{PutName, func() { h.names["stable"] = before.Name }},
	)
	if err != nil {
		f := &fault.Error{Reason: fault.ReasonOf(err), Retry: fault.Retryable(err), Err: err}
		return f.WithHint("turn it off and on again")
	}
	if left := h.faults.left; left != nil {
		emit(workload.Event{Point: workload.PointSettle, Warning: true, Unit: left.Unit, Text: left.Why})
	}
	return nil
}

// act is a step and what it does.
type act struct {
	step Step
	do   func()
}

func (h *Host) run(ctx context.Context, acts ...act) error {
	for _, a := range acts {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := h.step(a.step); err != nil {
			return fmt.Errorf("%s: %w", a.step, err)
		}
		h.mu.Lock()
		a.do()
		h.mu.Unlock()
	}
	return nil
}

func (h *Host) isNew(change workload.Change) bool {
	return h.main != nil && workload.Basis(h.main.ID) != change.Basis && h.main.ImageID == change.Image.Config.String() && maps.Equal(h.main.Stamped, change.Stamps)
}

func (h *Host) labels(image artifact.Pinned) map[string]string {
	if h.Labels != nil {
		return h.Labels(image)
	}
	return map[string]string{artifact.LabelRevision: image.Commit.String()}
}

func (h *Host) create(imageID string, env map[string]string) {
	var id [32]byte
	_, _ = rand.Read(id[:])
	img := h.images[imageID]
	h.clock = h.clock.Add(time.Second)
	h.main = &workload.Instance{
		ID: hex.EncodeToString(id[:]), Name: h.spec.Display(), Unit: h.spec.Ref.Name(), Current: true,
		ImageID: imageID, Image: h.stable(), Config: img.Config,
		Labels: h.labels(img), Stamped: maps.Clone(env), Created: h.clock, Started: h.clock,
	}
}

// Retire implements [confirm.Runtime].
func (h *Host) Retire(_ context.Context, _ workload.Spec, commits []artifact.Commit, _ func(workload.Event)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.faults.retire; err != nil {
		return err
	}
	h.faults.holds = ""
	used := []string{h.names["stable"]}
	if h.main != nil {
		used = append(used, h.main.ImageID)
	}
	for _, c := range commits {
		if id := h.names[c.String()]; !slices.Contains(used, id) {
			delete(h.names, c.String())
			delete(h.images, id)
		}
	}
	return nil
}

// Logs implements [confirm.Runtime].
func (h *Host) Logs(_ context.Context, _ workload.Ref, _ *State, instance string, tail workload.Tail) (workload.Output, error) {
	if !tail.After.IsZero() {
		return workload.Output{Until: time.Now()}, nil
	}
	return workload.Output{Lines: []string{"hello from " + workload.ShortID(instance)}, Until: time.Now()}, nil
}

// Env is the env file's deploy keys, as they are now.
func (h *Host) Env() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.env)
}

// Kill removes the container, as a person would by hand.
func (h *Host) Kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.main = nil
}
