package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A host takes a change back and cannot write that down: what ran before runs again, and
// the answer and the receipt have it so.
func TestARevertThatCouldNotBeWrittenDownIsARevert(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		w.Health = func(in workload.Instance) workload.Health {
			if in.Stamped[workload.KeyCommit] == b.String() {
				return workload.Health{Status: 503}
			}
			return honest(in)
		}
		w.silence = fault.New(fault.DiskFull, "no space left on device")
		w.away = func(call string) bool { return call == "settled" }
		r := w.run(b)
		want(t, r, contract.DecidedReverted, fault.NotProven)
		if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "no space left on device") || !strings.Contains(r.Warnings[0], "recover") {
			t.Errorf("warnings: %q", r.Warnings)
		}
		if w.runs() != a.String() || !strings.Contains(r.Running.Text, a.String()) {
			t.Errorf("%s runs; running: %s", w.runs(), r.Running.Text)
		}
		if diff := cmp.Diff([]string{"reverted bbbb", "succeeded aaaa"}, w.history()); diff != "" {
			t.Error(diff)
		}
	})
}
