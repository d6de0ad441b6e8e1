package kube

import (
	"context"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Defaults of the API server, for fields that it always fills in.
const (
	defaultReplicas = 1
	defaultDeadline = 600
)

// define returns the definition as far as the Deployment itself holds it.
func define(o *appsv1.Deployment, container, prefix string) workload.DeploymentDefinition {
	pod := o.Spec.Template.Spec
	d := workload.DeploymentDefinition{
		Generation: o.Generation, Seen: o.Status.ObservedGeneration,
		Strategy: string(o.Spec.Strategy.Type), Paused: o.Spec.Paused,
		Replicas: workload.Replicas{
			Want: number(o.Spec.Replicas, defaultReplicas), Updated: int(o.Status.UpdatedReplicas), Ready: int(o.Status.ReadyReplicas),
			Available: int(o.Status.AvailableReplicas), Old: max(0, int(o.Status.Replicas-o.Status.UpdatedReplicas)),
		},
		ProgressDeadline: time.Duration(number(o.Spec.ProgressDeadlineSeconds, defaultDeadline)) * time.Second,
		HostNetwork:      pod.HostNetwork,
	}
	for _, c := range pod.Containers {
		if c.Name == container {
			d.Image, d.PullPolicy, d.Computed = words(c.Image), string(c.ImagePullPolicy), computed(c, prefix)
		}
	}
	init := len(pod.InitContainers)
	for i, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		d.Containers = append(d.Containers, c.Name)
		if (i < init || c.Name != container) && d.Image != "" && repository(c.Image) == repository(d.Image) {
			d.SameImage = append(d.SameImage, c.Name)
		}
		for _, p := range c.Ports {
			if p.HostPort != 0 {
				d.HostPorts = append(d.HostPorts, int(p.HostPort))
			}
		}
	}
	if d.Seen >= d.Generation { // else the conditions are of what was wanted before
		d.Trouble = trouble(o.Status.Conditions)
	}
	return d
}

func number(n *int32, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return int(*n)
}

// computed returns the deploy keys, without prefix, whose value another object gives.
func computed(c corev1.Container, prefix string) (keys []string) {
	for _, e := range c.Env {
		if key, ok := strings.CutPrefix(e.Name, prefix); ok && e.ValueFrom != nil && slices.Contains(workload.Keys(), key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// repository returns an image's reference without tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image
}

// trouble returns why a rollout cannot go on: pods that the API server refuses, or no
// progress within the deadline.
func trouble(conditions []appsv1.DeploymentCondition) string {
	for _, c := range conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return words(c.Reason + ": " + c.Message)
		}
	}
	for _, c := range conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse {
			return words(c.Reason + ": " + c.Message)
		}
	}
	return ""
}

// equal reports whether the ReplicaSet has the Deployment's pod template, as the
// cluster's controller compares them.
func equal(rs *appsv1.ReplicaSet, o *appsv1.Deployment) bool {
	template := rs.Spec.Template.DeepCopy()
	delete(template.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	return apiequality.Semantic.DeepEqual(template, &o.Spec.Template)
}

// surroundings are what a namespace has around Deployments.
type surroundings struct {
	services    []corev1.Service
	autoscalers []autoscalingv2.HorizontalPodAutoscaler
}

func (c *Cluster) surroundings(ctx context.Context, ns string) (s surroundings, err error) {
	err = each(ctx, c, rights.Services(ns), "", func(one corev1.Service) {
		s.services = append(s.services, corev1.Service{ObjectMeta: one.ObjectMeta, Spec: one.Spec})
	})
	if err != nil {
		return s, err
	}
	err = each(ctx, c, rights.Autoscalers(ns), "", func(one autoscalingv2.HorizontalPodAutoscaler) {
		s.autoscalers = append(s.autoscalers, one)
	})
	return s, err
}

// add adds the Services that select the Deployment's pods, and its autoscaler.
func (s surroundings) add(d *workload.DeploymentDefinition, o *appsv1.Deployment) {
	for _, service := range s.services {
		if len(service.Spec.Selector) == 0 || !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(o.Spec.Template.Labels)) {
			continue
		}
		e := workload.Exposure{Service: service.Name, Type: string(service.Spec.Type)}
		for _, p := range service.Spec.Ports {
			if p.NodePort != 0 {
				e.NodePorts = append(e.NodePorts, int(p.NodePort))
			}
		}
		d.Exposures = append(d.Exposures, e)
	}
	for _, a := range s.autoscalers {
		target := a.Spec.ScaleTargetRef
		if target.Kind == "Deployment" && target.Name == o.Name && strings.HasPrefix(target.APIVersion, "apps/") {
			d.Autoscaler = a.Name
		}
	}
}
