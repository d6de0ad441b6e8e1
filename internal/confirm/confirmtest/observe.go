package confirmtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Observe implements [confirm.Runtime].
func (h *Host) Observe(_ context.Context, ref workload.Ref, probe bool) (workload.Observation, error) {
	if err := h.has(ref); err != nil {
		return workload.Observation{}, err
	}
	seen, in := h.see()
	if h.spec.Kubernetes != nil {
		return h.rolled(seen, in, probe), nil
	}
	if in != nil {
		if probe && in.Running && seen.Placement.Placed() && h.Health != nil { // which may act on the host
			answer := h.Health(*in)
			in.Health = &answer
		}
		seen.Instances = []workload.Instance{*in}
	}
	return seen, nil
}

func (h *Host) see() (workload.Observation, *workload.Instance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	spec, placed := h.spec, h.placed()
	d := workload.ComposeDefinition{Image: h.stable(), ContainerName: spec.Display(), Replicas: 1, Hash: h.faults.hash}
	if h.faults.misfit {
		d.ContainerName = "another"
	}
	for _, k := range workload.Keys() {
		d.References = append(d.References, spec.KeyPrefix+k)
		d.LabelReferences = append(d.LabelReferences, spec.KeyPrefix+k)
	}
	seen := workload.Observation{
		At: time.Now().UTC().Add(h.faults.ahead), Placement: placed, ImageRoom: 1<<40 - h.faults.used,
		Platform: artifact.Platform{OS: "linux", Architecture: "amd64"},
		Units:    []workload.Unit{{Name: spec.Ref.Name(), Compose: &d}},
	}
	if change := h.faults.holds; change != "" {
		seen.Holds = &workload.Holder{Name: "unidesk-keep-" + spec.Display(), Change: change}
	}
	for _, name := range placed.Secrets {
		v := h.secrets[name]
		seen.Secrets = append(seen.Secrets, workload.Secret{Name: name, Present: v != "", Length: len(v)})
	}
	if placed.Placed() {
		seen.Stamped = maps.Clone(h.env)
	}
	if h.main == nil {
		return seen, nil
	}
	in := *h.main
	if in.Stamped = maps.Clone(in.Stamped); !placed.Placed() { // without its prefix no key is known
		in.Stamped = nil
	}
	seen.Basis = workload.Basis(in.ID)
	return seen, &in
}

// stable is the name that what runs asks for its image by.
func (h *Host) stable() string {
	if h.spec.Compose != nil {
		return h.spec.Compose.Image
	}
	return h.spec.Ref.Name()
}

// rolled is the host as a host of Deployments: each runs what the instance runs, in
// a pod of its own, and its rollout is complete.
func (h *Host) rolled(seen workload.Observation, in *workload.Instance, probe bool) workload.Observation {
	seen.Units = nil
	for i, d := range h.spec.Kubernetes.Deployments {
		def := workload.DeploymentDefinition{
			Revision: d.Name + "-1", Image: h.stable(), PullPolicy: "IfNotPresent", Containers: []string{d.Container}, Strategy: "RollingUpdate",
			Replicas: workload.Replicas{Want: 1}, ProgressDeadline: time.Minute,
		}
		if d.Service != "" {
			def.Exposures = []workload.Exposure{{Service: d.Service, Type: "ClusterIP"}}
		}
		if h.faults.misfit {
			def.Paused = true
		}
		unit := workload.Unit{Name: d.Name, Deployment: &def}
		if in != nil {
			pod := *in
			pod.ID, pod.Unit = fmt.Sprintf("%s%08x", pod.ID[:56], i), d.Name
			if left := h.faults.left; left != nil && left.Unit == d.Name {
				pod.ImageID, pod.Config = "of another writer", artifact.Digest{}
			}
			def.Annotated, def.Replicas.Updated = pod.Stamped, 1
			if pod.Running {
				def.Replicas.Ready, def.Replicas.Available = 1, 1
			}
			if probe && pod.Running && d.Service != "" && h.Health != nil { // which may act on the host
				answer := h.Health(pod)
				unit.Health = &answer
			}
			seen.Instances = append(seen.Instances, pod)
		}
		seen.Units = append(seen.Units, unit)
	}
	return seen
}

// FindImage implements [confirm.Runtime].
func (h *Host) FindImage(_ context.Context, ref workload.Ref, image artifact.Pinned) (artifact.Image, bool, error) {
	if err := h.has(ref); err != nil {
		return artifact.Image{}, false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	got, there := h.images[image.Config.String()]
	if !there || got.Manifest != image.Manifest {
		return artifact.Image{}, false, nil
	}
	return artifact.Image{Pinned: image, Platform: artifact.Platform{OS: "linux", Architecture: "amd64"}, Labels: h.labels(got)}, true, nil
}

// Neighbours implements [confirm.Runtime].
func (h *Host) Neighbours(_ context.Context, ref workload.Ref) (all []workload.Neighbour, _ error) {
	if err := h.has(ref); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.faults.list != nil {
		return nil, h.faults.list
	}
	all = slices.Clone(h.faults.neighbours)
	if in := h.main; in != nil {
		all = append(all, workload.Neighbour{ID: in.ID, Name: in.Name, Scope: ref.Scope(), Group: ref.Name(), Running: in.Running, Started: in.Started})
	}
	return all, nil
}
