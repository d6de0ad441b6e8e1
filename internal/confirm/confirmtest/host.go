// Package confirmtest is a host in memory: what [confirm.Target] drives in tests
// where no engine is wanted. It outlives the targets made of it, as a machine
// outlives processes, and an act on it can be made to break off at any step.
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

// Step is a moment of an act at which it can break off.
type Step string

// The steps, each being what comes next when the act breaks off there.
const (
	Retag     Step = "retag"
	Configure Step = "configure"
	Remove    Step = "remove the old container"
	Create    Step = "create the new container"
	Start     Step = "start the new container"
	Report    Step = "report"
	PutEnv    Step = "put the env back"
	PutBack   Step = "put the container back"
	PutStart  Step = "start the old version"
	PutName   Step = "put the name back"
)

// ApplySteps and RestoreSteps are all steps of the two acts, in their order.
func ApplySteps() []Step { return []Step{Retag, Configure, Remove, Create, Start, Report} }

// RestoreSteps are those of taking a change back.
func RestoreSteps() []Step { return []Step{PutEnv, PutBack, PutStart, PutName} }

// Host is the machine. It has one service, of which nothing runs at first.
type Host struct {
	// Break is asked before each step; an error ends the act there, as a crash
	// would. It may also kill the process.
	Break func(Step) error
	// Lock is called with the lock of each act.
	Lock func(*os.File)
	// Health answers a probe of a running container.
	Health func(workload.Instance) workload.Health

	mu      sync.Mutex
	spec    workload.Spec
	secrets map[string]string
	images  map[string]artifact.Image // by id: the config's digest
	names   map[string]string         // name to image id
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
		spec: spec, secrets: secrets, images: map[string]artifact.Image{}, names: map[string]string{}, env: map[string]string{},
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

func (h *Host) has(spec workload.Spec) error {
	if *spec.Ref.Compose != *h.spec.Ref.Compose {
		return fault.New(fault.WorkloadNotFound, "this host has %s only", h.spec.Ref)
	}
	return nil
}

// Observe implements [confirm.Runtime].
func (h *Host) Observe(_ context.Context, spec workload.Spec, probe bool) (workload.Observation, error) {
	if err := h.has(spec); err != nil {
		return workload.Observation{}, err
	}
	seen, in := h.see(spec)
	if in != nil {
		if probe && in.Running && h.Health != nil { // which may act on the host
			answer := h.Health(*in)
			in.Health = &answer
		}
		seen.Instances = []workload.Instance{*in}
	}
	return seen, nil
}

func (h *Host) see(spec workload.Spec) (workload.Observation, *workload.Instance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := workload.Observation{
		At: time.Now().UTC().Add(h.faults.ahead), Deployed: maps.Clone(h.env), FreeBytes: 1<<40 - h.faults.used,
		Platform:   artifact.Platform{OS: "linux", Architecture: "amd64"},
		Definition: workload.Definition{Image: spec.Image, ContainerName: spec.Container, Replicas: 1},
	}
	if h.faults.misfit {
		seen.Definition.ContainerName = "another"
	}
	for _, k := range workload.Keys() {
		seen.Definition.References = append(seen.Definition.References, spec.EnvPrefix+k)
		seen.Definition.LabelReferences = append(seen.Definition.LabelReferences, spec.EnvPrefix+k)
	}
	for _, name := range spec.Secrets {
		v := h.secrets[name]
		seen.Secrets = append(seen.Secrets, workload.Secret{Name: name, Present: v != "", Length: len(v)})
	}
	if h.main == nil {
		return seen, nil
	}
	in := *h.main
	in.Env = maps.Clone(in.Env)
	return seen, &in
}

// Containers implements [confirm.Runtime].
func (h *Host) Containers(_ context.Context, spec workload.Spec) (all []workload.Container, _ error) {
	if err := h.has(spec); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.faults.list != nil {
		return nil, h.faults.list
	}
	all = slices.Clone(h.faults.neighbours)
	if in := h.main; in != nil {
		ref := spec.Ref.Compose
		all = append(all, workload.Container{ID: in.ID, Name: in.Name, Project: ref.Project, Service: ref.Service, Running: in.Running, Started: in.Started})
	}
	return all, nil
}

// Stage implements [confirm.Runtime].
func (h *Host) Stage(_ context.Context, spec workload.Spec, image artifact.Image, emit func(workload.Event)) error {
	if err := h.has(spec); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.faults.stage != nil {
		return h.faults.stage
	}
	h.images[image.Config.String()] = image
	h.names[image.Commit.String()] = image.Config.String()
	emit(workload.Event{Point: workload.PointStaged, Text: image.Commit.Short()})
	return nil
}

// Snapshot implements [confirm.Runtime].
func (h *Host) Snapshot(_ context.Context, change workload.Change) (workload.Before, State, error) {
	if err := h.has(change.Spec); err != nil {
		return workload.Before{}, State{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.names[change.Commit.String()] == "" {
		return workload.Before{}, State{}, fault.New(fault.ArtifactNotFound, "%s is not staged", change.Commit.Short())
	}
	s := State{Name: h.names["stable"], Env: maps.Clone(h.env)}
	if h.main == nil {
		return workload.Before{}, s, nil
	}
	s.Container, s.ImageID = h.main.ID, h.main.ImageID
	return workload.Before{
		Container: h.main.ID, Running: h.main.Running, ImageID: h.main.ImageID, Config: h.main.Config, Commit: h.main.Env[workload.KeyCommit],
	}, s, nil
}

// Apply implements [confirm.Runtime].
func (h *Host) Apply(ctx context.Context, change workload.Change, _ State, lock *os.File, emit func(workload.Event)) error {
	if h.Lock != nil {
		h.Lock(lock)
	}
	id := change.Config.String()
	return h.run(ctx,
		act{Retag, func() { h.names["stable"] = id; emit(workload.Event{Point: workload.PointTag}) }},
		act{Configure, func() { h.env = maps.Clone(change.Env); emit(workload.Event{Point: workload.PointConfigure}) }},
		act{Remove, func() {
			if !h.isNew(change) {
				emit(workload.Event{Point: workload.PointRecreate})
				h.main = nil
			}
		}},
		act{Create, func() {
			if h.main == nil {
				h.create(id, change.Env)
			}
		}},
		act{Start, func() { h.main.Running = true }},
		act{Report, func() { emit(workload.Event{Point: workload.PointSwitch, Text: h.main.ID}) }},
	)
}

// Restore implements [confirm.Runtime].
func (h *Host) Restore(ctx context.Context, change workload.Change, before State, lock *os.File, _ func(workload.Event)) error {
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
		return fault.New(fault.ReasonOf(err), "%w", err).WithHint("turn it off and on again")
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
	return h.main != nil && h.main.ID != change.Saw && h.main.ImageID == change.Config.String() && maps.Equal(h.main.Env, change.Env)
}

func (h *Host) create(imageID string, env map[string]string) {
	var id [32]byte
	_, _ = rand.Read(id[:])
	img := h.images[imageID]
	h.clock = h.clock.Add(time.Second)
	h.main = &workload.Instance{
		ID: hex.EncodeToString(id[:]), Name: h.spec.Container, ImageID: imageID, Image: h.spec.Image, Config: img.Config,
		Labels: img.Labels, Env: maps.Clone(env), Created: h.clock, Started: h.clock,
	}
}

// Retire implements [confirm.Runtime].
func (h *Host) Retire(_ context.Context, _ workload.Spec, commits []artifact.Commit, _ func(workload.Event)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
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
func (h *Host) Logs(_ context.Context, _ workload.Spec, instance string, _ int) ([]string, error) {
	return []string{"hello from " + workload.ShortID(instance)}, nil
}

// Env is the env file's deploy keys, as they are now.
func (h *Host) Env() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.env)
}

// Kill removes the container behind everybody's back.
func (h *Host) Kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.main = nil
}
