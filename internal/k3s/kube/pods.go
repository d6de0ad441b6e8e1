package kube

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Reasons of a container that is about to start.
const (
	creating     = "ContainerCreating"
	initializing = "PodInitializing"
)

// instance returns the named container of a pod.
func instance(pod corev1.Pod, container, prefix string) workload.Instance {
	in := workload.Instance{ID: string(pod.UID), Name: pod.Name, Created: pod.CreationTimestamp.UTC()}
	for _, c := range pod.Spec.Containers {
		if c.Name == container {
			in.Image, in.Stamped = words(c.Image), stamped(c, prefix)
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name != container {
			continue
		}
		in.ImageID, in.Restarts = words(s.ImageID), int(s.RestartCount)
		switch end := ended(s); {
		case s.State.Running != nil:
			in.Running, in.Started = true, s.State.Running.StartedAt.UTC()
		case end != nil:
			in.ExitCode, in.Started = int(end.ExitCode), end.StartedAt.UTC()
		}
	}
	in.Trouble = words(ill(pod, container))
	return in
}

// ended returns how the container ended, or ended last before it waits; nil if it
// has not ended yet.
func ended(s corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if s.State.Terminated != nil {
		return s.State.Terminated
	}
	return s.LastTerminationState.Terminated
}

// ill returns why the pod does not serve, "" if it does or is about to start. The last
// words of a container are not in it: a program may write anything there.
func ill(pod corev1.Pod, container string) string {
	if pod.DeletionTimestamp != nil {
		return "is being deleted"
	}
	if pod.Status.Reason != "" { // Evicted, NodeLost
		return pod.Status.Reason + ": " + pod.Status.Message
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Reason + ": " + c.Message
		}
	}
	if pod.Spec.NodeName != "" && pod.Status.StartTime == nil {
		return "the kubelet of node " + pod.Spec.NodeName + " has not begun with it"
	}
	for _, s := range pod.Status.InitContainerStatuses {
		if why := stuck(s); why != "" {
			return "init container " + s.Name + ": " + why
		}
	}
	all := pod.Status.ContainerStatuses
	if i := slices.IndexFunc(all, func(s corev1.ContainerStatus) bool { return s.Name == container }); i > 0 { // it comes first
		all = slices.Concat(all[i:i+1], all[:i], all[i+1:])
	}
	for _, s := range all {
		why := stuck(s)
		switch {
		case why != "":
		case s.State.Terminated != nil: // well, and yet it should run
			why = ending(s.State.Terminated)
		case s.State.Running != nil && !s.Ready:
			why = "is not ready"
		}
		if why != "" && s.Name != container {
			return "container " + s.Name + ": " + why
		}
		if why != "" {
			return why
		}
	}
	return ""
}

// stuck returns why the container waits or has ended, "" if it runs, is about to start or
// has ended well.
func stuck(s corev1.ContainerStatus) string {
	why := ""
	switch w, t := s.State.Waiting, s.State.Terminated; {
	case w != nil && w.Reason != "" && w.Reason != creating && w.Reason != initializing:
		why = strings.TrimSuffix(w.Reason+": "+w.Message, ": ")
	case t != nil && t.ExitCode != 0:
		return ending(t)
	}
	if last := s.LastTerminationState.Terminated; why != "" && last != nil {
		why += " (before: " + ending(last) + ")"
	}
	return why
}

// ending returns "OOMKilled, exit code 137".
func ending(t *corev1.ContainerStateTerminated) string {
	return fmt.Sprintf("%s, exit code %d", t.Reason, t.ExitCode)
}
