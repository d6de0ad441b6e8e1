package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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
	template, err := s.template(d, d.Template)
	if err != nil {
		return Deployment{}, err
	}
	notes := map[string]string{}
	for _, key := range workload.Keys() {
		notes[workload.Annotation(key)] = s.Values[key]
	}
	patch := append([]operation{{Op: "replace", Path: "/spec/template", Value: template}}, become("/metadata/annotations", d.annotated, nil, notes)...)
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

// Bears reports whether the Deployment has the template that the stamp makes of the former
// template. If it is not the template that was sent, a dry run shows what the API server
// makes of the patch now: an admission webhook or a newer API server may have changed it.
func (c *Cluster) Bears(ctx context.Context, d Deployment, s Stamp, former json.RawMessage) (bool, error) {
	if d.Change != s.Change {
		return false, nil
	}
	sent, err := s.template(d, former)
	if err != nil || same(sent, d.Template) {
		return err == nil, err
	}
	body, err := encode([]operation{at(d.Version), {Op: "replace", Path: "/spec/template", Value: sent}})
	if err != nil {
		return false, err
	}
	right := rights.Deployment("patch", d.Namespace, d.Name)
	raw, err := c.do(ctx, request{right: right, body: body, query: map[string]string{"dryRun": "All"}})
	if err != nil {
		return false, c.refused(ctx, write{to: right, version: d.Version}, err)
	}
	made, err := parse(raw, s.Container, s.KeyPrefix)
	return same(made.Template, d.Template), err
}

// template returns what the stamp makes of a template of d. All other fields stay as they are.
func (s Stamp) template(d Deployment, of json.RawMessage) (json.RawMessage, error) {
	var t map[string]any
	decoder := json.NewDecoder(bytes.NewReader(of))
	decoder.UseNumber()
	if err := decoder.Decode(&t); err != nil {
		return nil, fault.New(fault.Internal, "the pod template of Deployment %s/%s cannot be read", d.Namespace, d.Name)
	}
	all, _, _ := unstructured.NestedFieldNoCopy(t, "spec", "containers")
	containers, _ := all.([]any)
	i := slices.IndexFunc(containers, func(c any) bool { return named(c, s.Container) })
	if i < 0 {
		return nil, fault.New(fault.WorkloadUnfit, "Deployment %s/%s has no container %s", d.Namespace, d.Name, s.Container).
			WithHint("its containers are %s; correct the container of the Deployment in agent.yaml and in the catalog", strings.Join(d.Definition.Containers, ", "))
	}
	placed := containers[i].(map[string]any)
	env, _ := placed["env"].([]any)
	placed["image"], placed["env"] = s.Image, s.env(env)
	for _, key := range workload.Keys() {
		_ = unstructured.SetNestedField(t, s.Values[key], "metadata", "annotations", workload.Annotation(key)) // fails only if annotations are no map
	}
	_ = unstructured.SetNestedField(t, s.Change, "metadata", "annotations", workload.ChangeAnnotation)
	return json.Marshal(t)
}

// env returns the container's environment with the deploy keys set: those that are there
// in their places, the others at the end.
func (s Stamp) env(env []any) []any {
	for _, key := range workload.Keys() {
		entry := map[string]any{"name": s.KeyPrefix + key}
		if value := s.Values[key]; value != "" { // the API server leaves an empty value out
			entry["value"] = value
		}
		if !slices.ContainsFunc(env, func(e any) bool { return named(e, s.KeyPrefix+key) }) {
			env = append(env, entry)
		}
		for i := range env {
			if named(env[i], s.KeyPrefix+key) {
				env[i] = entry
			}
		}
	}
	return env
}

// named reports whether an object of a list has this name.
func named(object any, name string) bool {
	o, _ := object.(map[string]any)
	return o["name"] == name
}
