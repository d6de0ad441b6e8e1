package deploy_test

import (
	"context"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A plan for an account that may only read on the host is not ready.
func TestAPlanChecksTheRole(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		var answer error
		var asked string
		w.MayDeploy = func(_ context.Context, host string) error { asked = host; return answer }
		w.readOnly = true
		for _, c := range []struct {
			answer   error
			decision contract.Decision
			reason   fault.Reason
		}{
			{fault.New(fault.RoleMissing, "it has read").WithHint("list it"), contract.DecidedBlocked, fault.RoleMissing},
			{fault.Transient(fault.HostUnreachable, "no answer"), contract.DecidedFailed, fault.HostUnreachable},
			{nil, contract.DecidedReady, ""},
		} {
			answer = c.answer
			plan := w.Plan(t.Context(), w.contract(b))
			want(t, plan, c.decision, c.reason)
			if f := plan.Failure; asked != "D601" || f != nil && f.Step != workload.PointPreflight || f != nil && f.Hint != fault.HintOf(c.answer) {
				t.Errorf("asked %q: %+v", asked, f)
			}
			if c.answer != nil {
				want(t, w.run(b), c.decision, c.reason)
			}
		}
	})
}
