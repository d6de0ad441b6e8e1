//go:build integration

package kill

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// The master's engine crashes while a broken version is proven. The revert waits for it,
// and what ran runs again. It runs alone: all services are on that engine.
func TestARevertWaitsForTheEngine(t *testing.T) {
	if !world.Engine.Private {
		t.Skip("the engine is the machine's, and is not to be crashed")
	}
	const service = "oa-event-flow"
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	bad := world.Release(t, service, lab.Change{Behaviour: "never-healthy"})
	revive := sync.OnceFunc(func() { drive.Must(t, world.Engine.Revive(context.WithoutCancel(t.Context()))) })
	t.Cleanup(revive)

	cmd := world.Command(t, "artifact-registry", "deploy-service", "--service", service, "--commit", bad, "--run-now")
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	lines, err := cmd.StderrPipe()
	drive.Must(t, err)
	drive.Must(t, cmd.Start())
	crashed, waited := false, false
	for s := bufio.NewScanner(lines); s.Scan(); stderr.WriteString(s.Text() + "\n") {
		switch {
		case !crashed && strings.Contains(s.Text(), string(workload.PointProve)):
			crashed = true
			world.Engine.Crash()
		case crashed && !waited && strings.Contains(s.Text(), "waiting for up to"):
			waited = true
			revive()
		}
	}
	a := drive.Ended(t, cmd, cmd.Wait(), stdout.Bytes(), stderr.String())
	if !waited {
		t.Errorf("it did not wait (crashed: %t):\n%s", crashed, stderr.String())
		revive()
	}
	if reason := a.Result.Failure.Reason; reason != fault.NotProven && reason != fault.EngineUnavailable {
		t.Errorf("failed with %s", reason)
	}
	a.Want(t, contract.DecidedReverted, a.Result.Failure.Reason, 1)
	world.Lives(t, service, good)
	world.Clean(t, service)
}
