package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Deployment is what the cluster has of a Deployment. Facts only.
type Deployment struct {
	Namespace, Name, UID string
	// Version is the resource version that the facts are of. It guards a write, and
	// changes with each count of the pods; UID and Template do not.
	Version string
	// Change is the id of the change that the pod template is of, "" if no deploy made it.
	Change string
	// Template is the pod template as the API server has it, for the way back.
	Template json.RawMessage
	// Annotations are those of the Deployment that a deploy writes.
	Annotations map[string]string
	// Stamped are the deploy keys in the placed container's environment, without prefix.
	Stamped    map[string]string
	Definition workload.DeploymentDefinition
	// Pods are its pods of all revisions, newest first. The image's identity is not filled
	// in: the container runtime knows it.
	Pods []workload.Instance

	// annotated means that the Deployment has annotations of any kind.
	annotated bool
}

// Deployments returns the workload's Deployments, in the order of its placement, with
// what belongs to them. It fails with WORKLOAD_NOT_FOUND if any does not exist.
func (c *Cluster) Deployments(ctx context.Context, spec workload.Spec) ([]Deployment, error) {
	ns := spec.Ref.Scope()
	around, err := c.surroundings(ctx, ns)
	if err != nil {
		return nil, err
	}
	all := make([]Deployment, 0, len(spec.Kubernetes.Deployments))
	for _, place := range spec.Kubernetes.Deployments {
		var object appsv1.Deployment
		raw, err := c.read(ctx, rights.Deployment("get", ns, place.Name), &object)
		if err != nil {
			return nil, err
		}
		d, err := parse(raw, place.Container, spec.KeyPrefix)
		if err != nil {
			return nil, err
		}
		around.add(&d.Definition, &object)
		c.manage(ctx, &d.Definition, &object)
		if err := c.revisions(ctx, spec, place, &d, &object); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// parse returns what a Deployment itself holds.
func parse(raw []byte, container, prefix string) (Deployment, error) {
	var object appsv1.Deployment
	var exact struct {
		Spec struct{ Template json.RawMessage }
	}
	if json.Unmarshal(raw, &object) != nil || json.Unmarshal(raw, &exact) != nil || object.Name == "" {
		return Deployment{}, fault.New(fault.KubernetesUnavailable, "the API server answers with something that is no Deployment")
	}
	d := Deployment{
		Namespace: object.Namespace, Name: object.Name, UID: string(object.UID), Version: object.ResourceVersion,
		Change: object.Spec.Template.Annotations[workload.ChangeAnnotation], Template: exact.Spec.Template,
		Definition: define(&object, container, prefix), annotated: object.Annotations != nil,
	}
	for _, key := range workload.Keys() {
		if value, ok := object.Annotations[workload.Annotation(key)]; ok {
			set(&d.Annotations, workload.Annotation(key), value)
		}
		if value, ok := object.Spec.Template.Annotations[workload.Annotation(key)]; ok {
			set(&d.Definition.Annotated, key, words(value))
		}
	}
	for _, placed := range object.Spec.Template.Spec.Containers {
		if placed.Name == container {
			d.Stamped = stamped(placed, prefix)
		}
	}
	return d, nil
}

// stamped returns the deploy keys that have a plain value.
func stamped(c corev1.Container, prefix string) (values map[string]string) {
	for _, e := range c.Env {
		if key, ok := strings.CutPrefix(e.Name, prefix); ok && e.ValueFrom == nil && slices.Contains(workload.Keys(), key) {
			set(&values, key, words(e.Value))
		}
	}
	return values
}

func set(m *map[string]string, key, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[key] = value
}

// revisions reads ReplicaSets and pods. The present revision is the ReplicaSet with the
// Deployment's own pod template, by the comparison that the cluster's controller makes:
// right after a change, before the controller has seen it, there is none.
func (c *Cluster) revisions(ctx context.Context, spec workload.Spec, place workload.DeploymentSpec, d *Deployment, object *appsv1.Deployment) error {
	selector, err := metav1.LabelSelectorAsSelector(object.Spec.Selector)
	if err != nil {
		return fault.New(fault.WorkloadUnfit, "Deployment %s/%s has a selector that cannot be read", d.Namespace, d.Name)
	}
	owned := map[string]bool{} // uids of its ReplicaSets, true for the present revision
	var present *appsv1.ReplicaSet
	err = each(ctx, c, rights.ReplicaSets(d.Namespace), selector.String(), func(rs appsv1.ReplicaSet) {
		if !metav1.IsControlledBy(&rs, object) {
			return
		}
		owned[string(rs.UID)] = false
		if equal(&rs, object) && (present == nil || rs.CreationTimestamp.Before(&present.CreationTimestamp)) {
			present = &rs
		}
	})
	if err != nil {
		return err
	}
	if present != nil {
		owned[string(present.UID)] = true
		d.Definition.Revision = present.Name
	}
	old := 0
	err = each(ctx, c, rights.Pods("list", d.Namespace), selector.String(), func(pod corev1.Pod) {
		owner := metav1.GetControllerOf(&pod)
		if owner == nil {
			return
		}
		current, ok := owned[string(owner.UID)]
		ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed // evicted, and another is in its place
		if !ok || ended {
			return
		}
		in := instance(pod, place.Container, spec.KeyPrefix)
		in.Unit, in.Current, in.Revision = d.Name, current, string(owner.UID)
		d.Pods = append(d.Pods, in)
		if !current && pod.DeletionTimestamp == nil {
			old++
		}
	})
	d.Definition.Replicas.Old = max(d.Definition.Replicas.Old, old)
	slices.SortFunc(d.Pods, func(a, b workload.Instance) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.Name, b.Name))
	})
	return err
}
