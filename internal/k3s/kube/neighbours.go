package kube

import (
	"context"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Neighbours returns the pods of the namespace.
func (c *Cluster) Neighbours(ctx context.Context, namespace string) (all []workload.Neighbour, err error) {
	err = each(ctx, c, rights.Pods("list", namespace), "", func(pod corev1.Pod) {
		n := workload.Neighbour{ID: string(pod.UID), Name: pod.Name, Scope: namespace, Group: maker(&pod), Running: pod.Status.Phase == corev1.PodRunning}
		if start := pod.Status.StartTime; n.Running && start != nil {
			n.Started = start.UTC()
		}
		for _, s := range pod.Status.ContainerStatuses {
			n.Restarts += int(s.RestartCount)
			n.Restarting = n.Restarting || s.LastTerminationState.Terminated != nil && time.Since(s.LastTerminationState.Terminated.FinishedAt.Time) < workload.Restless
		}
		all = append(all, n)
	})
	return all, err
}

// maker returns the Deployment that made the pod, "" if none did. The ReplicaSet of a
// Deployment is named after it and the hash of its template, which the pod has as a label.
func maker(pod *corev1.Pod) string {
	owner, hash := metav1.GetControllerOf(pod), pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	if owner == nil || owner.Kind != "ReplicaSet" || hash == "" {
		return ""
	}
	name, ok := strings.CutSuffix(owner.Name, "-"+hash)
	if !ok {
		return ""
	}
	return name
}
