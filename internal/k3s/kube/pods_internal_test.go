package kube

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
