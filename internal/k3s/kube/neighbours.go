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
	err = each(ctx, c, rights.Pods("list", namespace), "", func(pod corev1.Pod) { all = append(all, neighbour(pod)) })
	return all, err
}

func neighbour(pod corev1.Pod) workload.Neighbour {
	n := workload.Neighbour{ID: string(pod.UID), Name: pod.Name, Scope: pod.Namespace, Group: maker(&pod), Running: pod.Status.Phase == corev1.PodRunning}
	if start := pod.Status.StartTime; n.Running && start != nil {
		n.Started = start.UTC()
	}
	for _, s := range pod.Status.ContainerStatuses {
		end := ended(s) // of a first end there is no other sign until the kubelet starts it again
		n.Restarts += int(s.RestartCount)
		n.Restarting = n.Restarting || end != nil && time.Since(end.FinishedAt.Time) < workload.Restless
	}
	return n
}

// maker returns the Deployment that made the pod, "" if none did. The ReplicaSet of a
// Deployment is named after it and the hash of its template, which the pod has as a label.
func maker(pod *corev1.Pod) string {
	owner, hash := metav1.GetControllerOf(pod), pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	if owner == nil || owner.Kind != "ReplicaSet" || hash == "" || !strings.HasSuffix(owner.Name, "-"+hash) {
		return ""
	}
	return strings.TrimSuffix(owner.Name, "-"+hash)
}
