package k3s

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// State is what a change replaces, enough to bring it back. It holds secrets: the values
// that the synced keys had, and what stands in the pod templates. Its file is root's and
// goes when the change is settled.
type State struct {
	Deployments []Former `json:"deployments"`
	// Sync is nil without a ConfigSync.
	Sync *Synced `json:"sync,omitempty"`
}

// Former is a Deployment before a change.
type Former struct {
	Name        string            `json:"name"`
	UID         string            `json:"uid"`
	Template    json.RawMessage   `json:"template"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Image is the placed container's, Config the digest of its config; zero if the store
	// does not have it.
	Image  string          `json:"image"`
	Config artifact.Digest `json:"config"`
	// Pinned is the image by its digests, if its name is a commit's.
	Pinned *artifact.Pinned `json:"pinned,omitempty"`
	// Available is how many of its pods served.
	Available int `json:"available"`

	commit string // that the image names
}

// Snapshot implements [confirm.Runtime].
func (r *Runtime) Snapshot(ctx context.Context, spec workload.Spec, change workload.Change) (workload.Before, State, error) {
	fail := func(err error) (workload.Before, State, error) { return workload.Before{}, State{}, err }
	all, config, err := r.read(ctx, spec)
	if err != nil {
		return fail(err)
	}
	if c, found := proof.Blocking(proof.FitKubernetes(spec, observation(spec, all, config))); found {
		return fail(fault.New(c.Reason, "%s cannot be switched: %s %s", spec.Ref, c.Name, c.Detail).WithHint("%s", c.Fix))
	}
	if err := r.inTime(all, change); err != nil {
		return fail(err)
	}
	got, err := r.staged(ctx, change.Image)
	if err != nil {
		return fail(err)
	}
	image := artifact.Image{Command: slices.Concat(got.Entrypoint, got.Arguments), Folder: got.Folder}
	if c, found := proof.Blocking(proof.Uncovered(spec, image, observation(spec, all, config))); found {
		return fail(fault.New(c.Reason, "%s cannot be switched: %s %s", spec.Ref, c.Name, c.Detail).WithHint("%s", c.Fix))
	}
	var s State
	if sync := spec.Kubernetes.Sync; sync != nil {
		if s.Sync, err = record(*sync, *config, change.Values); err != nil {
			return fail(err)
		}
	}
	for _, d := range all {
		former, err := r.former(ctx, d)
		if err != nil {
			return fail(err)
		}
		s.Deployments = append(s.Deployments, former)
	}
	before := workload.Before{Basis: basis(all, config), Config: s.Deployments[0].Config, Commit: s.Deployments[0].commit}
	if i := slices.IndexFunc(all[0].Pods, func(p workload.Instance) bool { return p.Current && p.Running }); i >= 0 {
		before.Running, before.ImageID = true, all[0].Pods[i].ImageID
	}
	return before, s, nil
}

func (r *Runtime) former(ctx context.Context, d kube.Deployment) (Former, error) {
	f := Former{
		Name: d.Name, UID: d.UID, Template: d.Template, Annotations: d.Annotations,
		Image: d.Definition.Image, Available: d.Definition.Replicas.Available,
	}
	name := f.Image
	for _, p := range d.Pods {
		if p.Current && p.ImageID != "" { // what runs: the name may mean another image by now
			name = p.ImageID
			break
		}
	}
	got, there, err := r.image(ctx, name)
	if err != nil {
		return Former{}, err
	}
	if there {
		f.Config, f.commit = got.Config, got.Labels[artifact.LabelRevision]
		f.Pinned = r.pinned(f.Image, got, d.Stamped[workload.KeyDigest])
	}
	return f, nil
}
