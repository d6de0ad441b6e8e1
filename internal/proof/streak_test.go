package proof_test

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestAnotherAnswerBeginsTheStreakAnew(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*workload.Instance){
		"another container":                          func(i *workload.Instance) { i.ID = "c2" },
		"the container restarted":                    func(i *workload.Instance) { i.Restarts = 1 },
		"the container was stopped and started":      func(i *workload.Instance) { i.Started = time.Unix(99, 0) },
		"the same status with another health answer": func(i *workload.Instance) { i.Health.Flags = map[string]bool{"auth.loggedIn": false} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := wanted()
			want.Spec.Probe.Flags = append(want.Spec.Probe.Flags, "queue.ready")
			judge := func(change func(*workload.Instance)) proof.Verdict {
				in := right() // degraded, since queue.ready is missing
				change(in)
				return proof.Judge(want, workload.Observation{Instances: []workload.Instance{*in}})
			}
			first, second := judge(func(*workload.Instance) {}), judge(change)
			if first.Status != proof.Degraded || second.Status != proof.Degraded {
				t.Fatalf("%s and %s, want the same status", first.Status, second.Status)
			}
			var streak proof.Streak
			for range proof.Enough - 1 {
				streak.Add(first, time.Unix(0, 0))
			}
			for n := range proof.Enough {
				if last := n == proof.Enough-1; streak.Add(second, time.Unix(0, 0)) != last {
					t.Errorf("final after %d answers: %t", n+1, !last)
				}
			}
		})
	}
}
