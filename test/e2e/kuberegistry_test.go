//go:build e2e

package e2e

import (
	"context"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
)

// unregistered goes back to a proven version while the registry is down: its image is
// pinned in the node's containerd.
func (k *cluster) unregistered(t *testing.T) {
	spec := k.spec(t, "decision-center", artifact.Dev)
	old, now := k.live(t, spec), k.live(t, spec)
	started := func() error {
		ctx := context.WithoutCancel(t.Context())
		if err := each(ctx, two.D601, "systemctl start "+unit); err != nil {
			return err
		}
		return two.registryAnswers(ctx)
	}
	must(t, each(t.Context(), two.D601, "systemctl stop "+unit))
	t.Cleanup(func() { must(t, started()) })
	back := deployTo(t, spec, old)
	back.want(t, contract.DecidedSucceeded, "", 0)
	if by := back.result.Plan.ByReceipt; by == nil || by.Registry != contract.NotAsked || back.result.Receipt.ByReceipt != by.Receipt {
		t.Errorf("it rests on %+v", by)
	}
	deployTo(t, spec, now).want(t, contract.DecidedSucceeded, "", 0)
	must(t, started())
	k.runs(t, spec, now)
}
