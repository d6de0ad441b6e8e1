//go:build integration

package kill

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

func TestABrokenCommitRevertsByItself(t *testing.T) {
	t.Parallel()
	const service = "oa-event-flow"
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	before := world.EnvLines(t, service)
	for _, behaviour := range []string{"never-healthy", "stale-commit", "not-json", "crash"} {
		t.Run(behaviour, func(t *testing.T) {
			bad := world.Release(t, service, lab.Change{Behaviour: behaviour})
			a := world.DeployNow(t, service, bad)
			a.Want(t, contract.DecidedReverted, fault.NotProven, 1)
			world.Lives(t, service, good)
			world.Clean(t, service)
			if len(a.Result.Failure.Logs) == 0 {
				t.Error("the broken container's last lines are not shown")
			}
			if after := world.EnvLines(t, service); after != before {
				t.Error("the env file is not as it was")
			}
			if r := a.Result.Receipt; r == nil || len(r.Logs) == 0 || r.DownSeconds <= 0 || !r.ProofFailed || r.ComposeHash.IsZero() {
				t.Errorf("receipt %+v", r)
			}
			again := world.DeployNow(t, service, bad)
			again.Want(t, contract.DecidedBlocked, fault.FailedBefore, 3)
			if next := again.Result.Failure.Next.String(); again.Result.Mutated || !strings.HasSuffix(next, bad+" --run-now --again") {
				t.Errorf("mutated %v, next %s", again.Result.Mutated, next)
			}
			world.Lives(t, service, good)
			if !strings.Contains(a.Result.Running.Text, good) {
				t.Errorf("running now: %q", a.Result.Running.Text)
			}
		})
	}
}
