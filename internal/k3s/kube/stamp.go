package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Stamp is what a deploy writes into a Deployment.
type Stamp struct {
	// Change is the id of the change, by which a lost reply is recognized.
	Change string
	// Container is the container of the pod template that gets Image.
	Container, Image string
	// KeyPrefix begins the deploy keys in the container's environment.
	KeyPrefix string
	// Values are the deploy keys without prefix. All of [workload.Keys] are written; a key
	// without a value is empty.
	Values map[string]string
}

// Stamp writes image, deploy keys, annotations and the change's id in a single patch.
// It fails with STALE if the Deployment is not of d's version any more, with
// WORKLOAD_UNFIT if it has no such container, with ROLLOUT_FAILED if the cluster
// refuses the patch. The answer is the Deployment as the cluster took it, without
// revisions and pods; an admission webhook may have changed it. A Deployment that bears
// the change already is returned as it is. Replicas are never written.
func (c *Cluster) Stamp(ctx context.Context, d Deployment, s Stamp) (Deployment, error) {
	if d.Change == s.Change {
		return d, nil
	}
	patch, err := s.patch(d)
	if err != nil {
		return Deployment{}, err
	}
	return c.rewrite(ctx, d, s.Container, s.KeyPrefix, patch, func(now Deployment) bool { return now.Change == s.Change })
}

// Former is a Deployment before a change.
type Former struct {
	Template    json.RawMessage
	Annotations map[string]string
}

// Restore puts the former template and annotations back into a Deployment that bears
// the change of the stamp, and fails with STALE if it bears another change or has
// another version than d. The template is the whole former template, so that the
// cluster goes back to the former ReplicaSet. A Deployment that has it already is
// returned as it is.
func (c *Cluster) Restore(ctx context.Context, d Deployment, s Stamp, to Former) (Deployment, error) {
	switch {
	case same(d.Template, to.Template):
		return d, nil
	case d.Change != s.Change:
		return Deployment{}, fault.New(fault.Stale, "Deployment %s/%s does not bear change %.80q any more; somebody changed it since", d.Namespace, d.Name, s.Change).
			WithHint("look at it: kubectl -n %s get deployment %s -o yaml", d.Namespace, d.Name)
	}
	patch := []operation{{Op: "replace", Path: "/spec/template", Value: to.Template}}
	patch = append(patch, become("/metadata/annotations", d.annotated, keys(d.Annotations), to.Annotations)...)
	return c.rewrite(ctx, d, s.Container, s.KeyPrefix, patch, func(now Deployment) bool { return same(now.Template, to.Template) })
}

// rewrite patches a Deployment.
func (c *Cluster) rewrite(ctx context.Context, d Deployment, container, prefix string, patch []operation, applied func(Deployment) bool) (Deployment, error) {
	raw, err := c.write(ctx, write{
		to: rights.Deployment("patch", d.Namespace, d.Name), version: d.Version, patch: patch,
		applied: func(raw []byte) bool {
			now, err := parse(raw, container, prefix)
			return err == nil && now.UID == d.UID && applied(now)
		},
	})
	if err != nil {
		return Deployment{}, err
	}
	return parse(raw, container, prefix)
}

// patch returns the operations, for the template that d has.
func (s Stamp) patch(d Deployment) ([]operation, error) {
	var t struct {
		Metadata struct{ Annotations map[string]string }
		Spec     struct {
			Containers []struct {
				Name string
				Env  []json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(d.Template, &t); err != nil {
		return nil, fault.New(fault.Internal, "the pod template of Deployment %s/%s cannot be read", d.Namespace, d.Name)
	}
	for i, container := range t.Spec.Containers {
		if container.Name != s.Container {
			continue
		}
		env, err := s.env(container.Env)
		if err != nil {
			return nil, err
		}
		notes := map[string]string{}
		for _, key := range workload.Keys() {
			notes[workload.Annotation(key)] = s.Values[key]
		}
		place := fmt.Sprintf("/spec/template/spec/containers/%d/", i)
		patch := []operation{{Op: "replace", Path: place + "image", Value: s.Image}, {Op: "add", Path: place + "env", Value: env}}
		patch = append(patch, become("/metadata/annotations", d.annotated, nil, notes)...)
		notes[workload.ChangeAnnotation] = s.Change
		return append(patch, become("/spec/template/metadata/annotations", t.Metadata.Annotations != nil, nil, notes)...), nil
	}
	return nil, fault.New(fault.WorkloadUnfit, "Deployment %s/%s has no container %s", d.Namespace, d.Name, s.Container).
		WithHint("its containers are %s; correct the container of the Deployment in agent.yaml and in the catalog", strings.Join(d.Definition.Containers, ", "))
}

// env returns the container's environment with the deploy keys set: those that are there
// in their places, the others at the end. All else stays as it is, to the byte.
func (s Stamp) env(present []json.RawMessage) ([]json.RawMessage, error) {
	env := slices.Clone(present)
	for _, key := range workload.Keys() {
		entry, err := json.Marshal(map[string]string{"name": s.KeyPrefix + key, "value": s.Values[key]})
		if err != nil {
			return nil, fault.New(fault.Internal, "%w", err)
		}
		found := false
		for i, e := range env {
			var one struct{ Name string }
			if json.Unmarshal(e, &one) == nil && one.Name == s.KeyPrefix+key {
				env[i], found = entry, true
			}
		}
		if !found {
			env = append(env, entry)
		}
	}
	return env, nil
}
