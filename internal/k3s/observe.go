package k3s

import (
	"cmp"
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/probe"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Observe implements [confirm.Runtime].
func (r *Runtime) Observe(ctx context.Context, ref workload.Ref, ask bool) (workload.Observation, error) {
	spec, err := r.Placement(ref)
	if err != nil {
		return workload.Observation{}, err
	}
	all, config, err := r.read(ctx, spec)
	if err != nil {
		return workload.Observation{}, err
	}
	seen := observation(spec, all, config)
	room, err := r.images.Room(ctx)
	if err != nil {
		return workload.Observation{}, err
	}
	seen.ImageRoom, seen.Platform = room.Free, r.config.Platform
	for i, d := range all {
		place := spec.Kubernetes.Deployments[i]
		if ask && place.Service != "" && answerable(d) {
			seen.Units[i].Health = r.ask(ctx, ref.Scope(), place)
		}
		c, mounts := placed(d, place.Container)
		for _, p := range d.Pods {
			got, err := r.identify(ctx, &p)
			if err != nil {
				return workload.Observation{}, err
			}
			if p.Current && p.ImageID != "" { // an older pod is of another template
				p.Mounts, p.Programs = mounts, c.programsOf(got)
			}
			seen.Instances = append(seen.Instances, p)
		}
	}
	return seen, nil
}

// read returns the Deployments in the order of the placement, the zero Deployment for a
// missing one, and with a ConfigSync what its objects hold.
func (r *Runtime) read(ctx context.Context, spec workload.Spec) (all []kube.Deployment, config *kube.Configuration, err error) {
	all, err = r.cluster.Deployments(ctx, spec)
	if fault.ReasonOf(err) == fault.WorkloadNotFound {
		all, err = r.readEach(ctx, spec)
	}
	if err != nil || spec.Kubernetes.Sync == nil {
		return all, nil, err
	}
	now, err := r.cluster.Configuration(ctx, spec.Ref.Scope(), *spec.Kubernetes.Sync)
	return all, &now, err
}

func (r *Runtime) readEach(ctx context.Context, spec workload.Spec) (all []kube.Deployment, err error) {
	for _, place := range spec.Kubernetes.Deployments {
		d, err := r.one(ctx, spec, place.Name)
		if err != nil && fault.ReasonOf(err) != fault.WorkloadNotFound {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// observation is what the API server alone shows.
func observation(spec workload.Spec, all []kube.Deployment, config *kube.Configuration) workload.Observation {
	seen := workload.Observation{At: time.Now().UTC(), Placement: spec, Basis: basis(all, config), Stamped: all[0].Stamped, Secrets: presence(spec, config)}
	for i := range all {
		unit := workload.Unit{Name: spec.Kubernetes.Deployments[i].Name}
		if all[i].UID != "" {
			c, mounts := placed(all[i], spec.Kubernetes.Deployments[i].Container)
			all[i].Definition.Mounts, all[i].Definition.Programs = mounts, c.programs()
			unit.Deployment = &all[i].Definition
		}
		seen.Units = append(seen.Units, unit)
	}
	if config != nil && config.Credentials.Version == "" {
		seen.Missing = append(seen.Missing, "secret "+spec.Ref.Scope()+"/"+spec.Kubernetes.Sync.Secret)
	}
	if config != nil && config.Settings.Version == "" {
		seen.Missing = append(seen.Missing, "configmap "+spec.Ref.Scope()+"/"+spec.Kubernetes.Sync.ConfigMap)
	}
	return seen
}

// answerable reports whether what the Service answers is of the present revision: no
// pod of an older revision is left, which may still serve while it ends.
func answerable(d kube.Deployment) (ready bool) {
	for _, p := range d.Pods {
		if !p.Current && p.Running {
			return false
		}
		ready = ready || p.Current && p.Running && p.Trouble == ""
	}
	return ready
}

// ask asks for health. That nothing answers is a fact about the service.
func (r *Runtime) ask(ctx context.Context, namespace string, place workload.DeploymentSpec) *workload.Health {
	answer, err := r.cluster.Ask(ctx, namespace, place.Service, place.Probe, probe.MaxAnswer)
	switch {
	case err != nil:
		return &workload.Health{Error: err.Error()}
	case answer.Status == 0:
		return &workload.Health{Error: cmp.Or(answer.Unreached, "no pod answers")}
	}
	h := probe.Read(answer.Status, answer.Body, place.Probe.Flags)
	return &h
}

// identify adds what the image store knows of the image that a pod runs.
func (r *Runtime) identify(ctx context.Context, p *workload.Instance) (got cri.Image, err error) {
	if p.ImageID == "" {
		return got, nil // it has none yet
	}
	got, there, err := r.image(ctx, p.ImageID)
	if err == nil && there {
		p.Config, p.Labels = got.Config, got.Labels
	}
	return got, err
}

// image returns an image by its name in the cluster. The store does not have an image
// whose name it cannot read.
func (r *Runtime) image(ctx context.Context, name string) (cri.Image, bool, error) {
	got, there, err := r.images.Image(ctx, name)
	if fault.ReasonOf(err) == fault.InvalidRequest {
		return cri.Image{}, false, nil
	}
	return got, there, err
}

// pinned is the image of a commit's name by its digests, nil if the name is no commit's
// or the manifest is not known. stamped is the manifest that a deploy noted.
func (r *Runtime) pinned(name string, got cri.Image, stamped string) *artifact.Pinned {
	image, ok := r.parse(name)
	if !ok {
		return nil
	}
	image.Config, image.Bytes = got.Config, got.Size
	for _, m := range got.Manifests {
		if m.String() == stamped || len(got.Manifests) == 1 {
			image.Manifest = m
			return &image
		}
	}
	return nil
}

// presence is all that is shown of the synced keys.
func presence(spec workload.Spec, config *kube.Configuration) (secrets []workload.Secret) {
	if config == nil {
		return nil
	}
	for _, key := range spec.Kubernetes.Sync.Keys() {
		v, there := current(*config, key)
		secrets = append(secrets, workload.Secret{Name: key, Present: there && v != "", Length: len(v)})
	}
	return secrets
}

// FindImage implements [workload.Observer].
func (r *Runtime) FindImage(ctx context.Context, ref workload.Ref, image artifact.Pinned) (artifact.Image, bool, error) {
	if _, err := r.Placement(ref); err != nil {
		return artifact.Image{}, false, err
	}
	got, there, err := r.images.Whole(ctx, image)
	if err != nil || !there || got.Config != image.Config {
		return artifact.Image{}, false, err
	}
	return artifact.Image{Pinned: image, Platform: r.config.Platform, Labels: got.Labels}, true, nil
}

// Neighbours implements [workload.Observer].
func (r *Runtime) Neighbours(ctx context.Context, ref workload.Ref) ([]workload.Neighbour, error) {
	if _, err := r.Placement(ref); err != nil {
		return nil, err
	}
	return r.cluster.Neighbours(ctx, ref.Scope())
}

// Logs implements [confirm.Runtime].
func (r *Runtime) Logs(ctx context.Context, ref workload.Ref, before *State, instance string, tail workload.Tail) (workload.Output, error) {
	spec, err := r.Placement(ref)
	if err != nil {
		return workload.Output{}, err
	}
	all, err := r.cluster.Deployments(ctx, spec)
	if err != nil {
		return workload.Output{}, err
	}
	var former []string
	if before != nil {
		former = before.Sync.values(workload.Values{})
	}
	for _, d := range all {
		for _, p := range d.Pods {
			if p.ID == instance {
				return r.output(ctx, d, p, tail, former)
			}
		}
	}
	return workload.Output{}, fault.New(fault.WorkloadNotFound, "pod %s is not one of %s", instance, ref)
}
