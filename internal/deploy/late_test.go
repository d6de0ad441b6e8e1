package deploy_test

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A service logs in some time after it answers: its flags have as long as its first good
// answer has.
func TestAFlagHasTheTimeoutToBecomeTrue(t *testing.T) {
	for name, before := range map[string]bool{"true before": true, "false before": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.live(a)
				w.images.add(t, b, labels(b))
				var first time.Time
				w.Health = func(in workload.Instance) workload.Health {
					h := honest(in)
					if in.Stamped[workload.KeyCommit] == a.String() {
						h.Flags["auth.loggedIn"] = before
						return h
					}
					if first.IsZero() {
						first = time.Now()
					}
					h.Flags["auth.loggedIn"] = time.Since(first) >= 20*time.Second
					return h
				}
				began := time.Now()
				r := w.run(b)
				want(t, r, contract.DecidedSucceeded, "")
				if time.Since(began) < 20*time.Second {
					t.Errorf("proven after %s", time.Since(began))
				}
			})
		})
	}
}
