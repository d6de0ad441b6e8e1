package confirmtest

import (
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// faults are what is wrong with the host, and what happens on it beside the acts.
type faults struct {
	steps      map[Step]error
	stage      error
	list       error
	ahead      time.Duration
	used       int64
	misfit     bool
	placed     *workload.Spec
	neighbours []workload.Neighbour
	left       *workload.Left
	retire     error
	holds      string
	hash       artifact.Digest
}

// Fail makes each act end with err at a step, as a runtime that refuses it does. Nil
// mends the step.
func (h *Host) Fail(step Step, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.faults.steps == nil {
		h.faults.steps = map[Step]error{}
	}
	h.faults.steps[step] = err
}

// FailStage makes staging end with err.
func (h *Host) FailStage(err error) { h.fault(func(f *faults) { f.stage = err }) }

// FailList makes the list of containers end with err.
func (h *Host) FailList(err error) { h.fault(func(f *faults) { f.list = err }) }

// SetAhead sets the host's clock so much ahead of the caller's.
func (h *Host) SetAhead(d time.Duration) { h.fault(func(f *faults) { f.ahead = d }) }

// Fill takes so many bytes of the engine's disk, which has a TiB.
func (h *Host) Fill(bytes int64) { h.fault(func(f *faults) { f.used = bytes }) }

// Misfit makes the Compose service declare another container's name.
func (h *Host) Misfit() { h.fault(func(f *faults) { f.misfit = true }) }

// Define makes the Compose service's definition have this hash.
func (h *Host) Define(hash artifact.Digest) { h.fault(func(f *faults) { f.hash = hash }) }

// Place makes the host's configuration hold this spec. A spec with only a Ref makes it
// only name the workload. The workload's Compose service and what runs stay as they are.
func (h *Host) Place(spec workload.Spec) { h.fault(func(f *faults) { f.placed = &spec }) }

// Leave makes another writer's edit of a Deployment: each revert leaves it, and it runs
// another image.
func (h *Host) Leave(left workload.Left) { h.fault(func(f *faults) { f.left = &left }) }

// Hold leaves a container that holds an image for a change; Retire removes it.
func (h *Host) Hold(change string) { h.fault(func(f *faults) { f.holds = change }) }

// FailRetire has Retire fail.
func (h *Host) FailRetire(err error) { h.fault(func(f *faults) { f.retire = err }) }

// Neighbour adds a container that is not the workload's.
func (h *Host) Neighbour(c workload.Neighbour) {
	h.fault(func(f *faults) { f.neighbours = append(f.neighbours, c) })
}

// RestartNeighbour starts a neighbour again, now.
func (h *Host) RestartNeighbour(name string) {
	now := h.Now()
	h.fault(func(f *faults) {
		i := slices.IndexFunc(f.neighbours, func(c workload.Neighbour) bool { return c.Name == name })
		f.neighbours[i].Started = now
	})
}

func (h *Host) fault(set func(*faults)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	set(&h.faults)
}

// Now is the host's clock.
func (h *Host) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().UTC().Add(h.faults.ahead)
}

// Lose empties a secret in the env file.
func (h *Host) Lose(secret string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.secrets, secret)
}

// Put runs another container, as a person does by hand.
func (h *Host) Put(in workload.Instance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	in.Unit, in.Current = h.spec.Ref.Name(), true
	h.main = &in
}

// Prune removes every image that nothing runs.
func (h *Host) Prune() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.images {
		if h.main == nil || h.main.ImageID != id {
			delete(h.images, id)
		}
	}
}

// Stop stops the container.
func (h *Host) Stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.main.Running = false
}

// Crash ends the container; the engine starts it again.
func (h *Host) Crash() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.main.Restarts++
}
