package kube

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bystander"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A pod that has its node and still waits has a kubelet that is silent.
func TestAPodThatItsKubeletHasNotBegunWithSaysSo(t *testing.T) {
	t.Parallel()
	begun := metav1.NewTime(time.Unix(1, 0))
	for _, test := range []struct {
		node  string
		start *metav1.Time
		want  string
	}{
		{"", nil, ""}, // the scheduler has not come to it
		{"d601", nil, "the kubelet of node d601 has not begun with it"},
		{"d601", &begun, ""},
	} {
		pod := corev1.Pod{Spec: corev1.PodSpec{NodeName: test.node}, Status: corev1.PodStatus{StartTime: test.start}}
		if got := ill(pod, "app"); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

// A pod that crashed before a deploy goes on crashing in it, and a job's pod ends: neither
// is the deploy's work.
func TestAPodThatEndsOrCrashedBeforeIsNoDisturbance(t *testing.T) {
	t.Parallel()
	target, err := workload.NewRef(workload.Kubernetes, "unidesk", "web")
	if err != nil {
		t.Fatal(err)
	}
	crashed := func(ago time.Duration, code int32) *corev1.ContainerStateTerminated {
		return &corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: metav1.NewTime(time.Now().Add(-ago))}
	}
	pod := func(owner string, phase corev1.PodPhase, s corev1.ContainerStatus) corev1.Pod {
		isController := true
		p := corev1.Pod{Status: corev1.PodStatus{Phase: phase, ContainerStatuses: []corev1.ContainerStatus{s}}}
		p.Name, p.Namespace, p.UID = "other-7d-x", "unidesk", "uid"
		p.Labels = map[string]string{"pod-template-hash": "7d"}
		p.OwnerReferences = []metav1.OwnerReference{{Kind: owner, Name: "other-7d", Controller: &isController}}
		return p
	}
	const running, succeeded = corev1.PodRunning, corev1.PodSucceeded
	runs := corev1.ContainerStatus{}
	again := func(restarts int32, ago time.Duration) corev1.ContainerStatus {
		return corev1.ContainerStatus{RestartCount: restarts, LastTerminationState: corev1.ContainerState{Terminated: crashed(ago, 1)}}
	}
	for name, c := range map[string]struct {
		before, after corev1.Pod
		told          bool
	}{
		"a job ends well":                     {pod("Job", running, runs), pod("Job", succeeded, corev1.ContainerStatus{State: corev1.ContainerState{Terminated: crashed(0, 0)}}), false},
		"a crash loop goes on":                {pod("ReplicaSet", running, again(3, time.Minute)), pod("ReplicaSet", running, again(4, 0)), false},
		"it has crashed once, a moment ago":   {pod("ReplicaSet", running, corev1.ContainerStatus{State: corev1.ContainerState{Terminated: crashed(time.Second, 1)}}), pod("ReplicaSet", running, again(1, time.Second)), false},
		"a crash loop begins":                 {pod("ReplicaSet", running, runs), pod("ReplicaSet", running, again(1, 0)), true},
		"it crashed an hour ago and does now": {pod("ReplicaSet", running, again(3, time.Hour)), pod("ReplicaSet", running, again(4, 0)), true},
	} {
		b, a := bystander.Pods([]workload.Neighbour{neighbour(c.before)}, []workload.Neighbour{neighbour(c.after)})
		found := bystander.Disturbed(bystander.Snapshot{Containers: b}, bystander.Snapshot{Containers: a}, target, nil)
		if (len(found) > 0) != c.told {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
