package deploy_test

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A service logs in some time after it answers: its flags may take as long as its first
// good answer may.
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

// On a host under load an answer takes longer than a whole proof is to take. Answers that
// are good and the same are good, however slowly they come; answers that change are not.
func TestSlowAnswersAreWaitedForAndChangingOnesAreNot(t *testing.T) {
	for name, c := range map[string]struct {
		takes    time.Duration
		changes  bool
		decision contract.Decision
	}{
		"slow":              {7 * time.Second, false, contract.DecidedUnchanged},
		"slower than all":   {20 * time.Second, false, contract.DecidedUnchanged},
		"quick and changes": {100 * time.Millisecond, true, contract.DecidedDrifted},
		"slow and changes":  {7 * time.Second, true, contract.DecidedDrifted},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.live(a)
				n := 0
				w.Health = func(in workload.Instance) workload.Health {
					time.Sleep(c.takes)
					h := honest(in)
					if n++; c.changes {
						h.Status = 200 + n%3
					}
					return h
				}
				if r := w.Verify(t.Context(), artifact.Prod, w.service); r.Decision != c.decision {
					t.Errorf("%s after %d answers: %+v", r.Decision, n, r.Failure)
				}
				if n > 200 {
					t.Errorf("%d answers", n)
				}
			})
		})
	}
}
