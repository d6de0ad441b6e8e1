//go:build integration

package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// The whole job, as an operator would do it.
func TestACommitGoesLiveAndBack(t *testing.T) {
	const service = "project-manager"
	layers := []lab.Layer{{Name: "base", Size: 8 << 20, Noise: 40, Seed: 1}, {Name: "top", Size: 2 << 20, Noise: 40, Seed: 2}}
	first := world.Release(t, service, lab.Change{Layers: layers})

	plan := world.Run(t, "artifact-registry", "deploy-service", "--commit", first, "--service", service)
	plan.Want(t, contract.DecidedReady, "", 0)
	if plan.Result.Mutated || plan.Result.Plan.Need.Bytes == 0 || plan.Result.Plan.Next.IsZero() {
		t.Errorf("plan: %s", plan.Stdout)
	}

	one := world.DeployNow(t, service, first)
	one.Want(t, contract.DecidedSucceeded, "", 0)
	world.Lives(t, service, first)
	if b := one.Result.Bytes; b.Received < b.Needed || b.Received > b.Needed*1005/1000+128<<10 {
		t.Errorf("%d bytes crossed, %d were needed", b.Received, b.Needed)
	}

	layers[1].Edit = "one line changed"
	second := world.Release(t, service, lab.Change{Layers: layers})
	two := world.DeployNow(t, service, second)
	two.Want(t, contract.DecidedSucceeded, "", 0)
	world.Lives(t, service, second)
	if b := two.Result.Bytes; b.Needed > b.Image-3<<20 || b.Received > b.Needed*1005/1000+128<<10 {
		t.Errorf("%d bytes crossed, %d needed, after a change in the top of %d", b.Received, b.Needed, b.Image)
	}

	id, err := world.Master.Inspect(t.Context(), service, "{{.Id}} {{.State.StartedAt}}")
	if err != nil {
		t.Fatal(err)
	}
	again := world.DeployNow(t, service, second)
	again.Want(t, contract.DecidedUnchanged, "", 0)
	if now, err := world.Master.Inspect(t.Context(), service, "{{.Id}} {{.State.StartedAt}}"); err != nil || now != id {
		t.Errorf("the container is %s (%v), was %s", now, err, id)
	}
	if again.Result.Changed || again.Result.Receipt != nil || len(again.Result.Evidence) == 0 {
		t.Errorf("again: %s", again.Stdout)
	}

	world.Run(t, "verify", "--service", service).Want(t, contract.DecidedUnchanged, "", 0)

	if !strings.HasPrefix(two.Result.Rollback.String(), "unidesk-controller ") || !strings.Contains(two.Result.Rollback.String(), first) {
		t.Fatalf("rollback %q", two.Result.Rollback)
	}
	back := world.Run(t, strings.Fields(strings.TrimPrefix(two.Result.Rollback.String(), "unidesk-controller "))...)
	back.Want(t, contract.DecidedSucceeded, "", 0)
	world.Lives(t, service, first)
	if b := back.Result.Bytes; b.Needed != 0 {
		t.Errorf("going back needed %d bytes; the old image should have stayed", b.Needed)
	}

	forced := world.DeployNow(t, service, first, "--force")
	forced.Want(t, contract.DecidedSucceeded, "", 0)
	world.Clean(t, service)

	shown := world.Run(t, "history", "show", one.Result.Receipt.ID)
	if shown.Exit != 0 || !strings.Contains(string(shown.Stdout), one.Result.Receipt.Container) {
		t.Errorf("history show: %d %s", shown.Exit, shown.Stdout)
	}
}

func TestASlowStartIsWaitedFor(t *testing.T) {
	commit := world.Release(t, "frontend", lab.Change{Behaviour: "slow-start"})
	world.DeployNow(t, "frontend", commit).Want(t, contract.DecidedSucceeded, "", 0)
}

// With nothing before it, a version that is not proven goes away again, and its
// last words hold no secret.
func TestWithoutAVersionBeforeTheContainerGoes(t *testing.T) {
	const service = "baidu-netdisk"
	if _, err := world.Master.Compose(t.Context(), "rm", "--stop", "--force", service); err != nil {
		t.Fatal(err)
	}
	bad := world.Release(t, service, lab.Change{Behaviour: "leaky"})
	a := world.DeployNow(t, service, bad)
	a.Want(t, contract.DecidedReverted, fault.NotProven, 1)
	leaked := 0
	for _, line := range a.Result.Failure.Logs {
		if form, said, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(form, "leaked as") {
			leaked++
			if !strings.Contains(said, "[redacted]") {
				t.Errorf("%s: %q", form, said)
			}
		}
	}
	if leaked != 12 {
		t.Errorf("%d forms of a secret among the last lines: %q", leaked, a.Result.Failure.Logs)
	}
	shown := world.Run(t, "history", "show", a.Result.Receipt.ID, "-o", "text")
	for _, line := range a.Result.Failure.Logs { // the receipt has all of them, and no more of the secret
		if !slices.Contains(a.Result.Receipt.Logs, line) {
			t.Errorf("the receipt lacks %q", line)
		}
	}
	if n := strings.Count(string(shown.Stdout), "[redacted]"); shown.Exit != 0 || n < leaked {
		t.Errorf("history show ends with %d and has %d redactions: %s", shown.Exit, n, shown.Stdout)
	}
	if id, err := world.Master.Inspect(t.Context(), service, "{{.Id}}"); err == nil {
		t.Errorf("container %s is still there", id)
	}
	world.Clean(t, service)
}
