//go:build integration

package integration

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// The whole job, as an operator would do it.
func TestACommitGoesLiveAndBack(t *testing.T) {
	const service = "project-manager"
	layers := []lab.Layer{{Name: "base", Size: 8 << 20, Noise: 40, Seed: 1}, {Name: "top", Size: 2 << 20, Noise: 40, Seed: 2}}
	first := release(t, service, lab.Change{Layers: layers})

	plan := controller(t, "artifact-registry", "deploy-service", "--commit", first, "--service", service)
	plan.want(t, deploy.DecidedReady, "", 0)
	if plan.result.Mutated || plan.result.Plan.Need.Bytes == 0 || plan.result.Plan.Next == "" {
		t.Errorf("plan: %s", plan.stdout)
	}

	one := deployNow(t, service, first)
	one.want(t, deploy.DecidedSucceeded, "", 0)
	lives(t, service, first)
	if b := one.result.Bytes; b.Received < b.Needed || b.Received > b.Needed*1005/1000+128<<10 {
		t.Errorf("%d bytes crossed, %d were needed", b.Received, b.Needed)
	}

	layers[1].Edit = "one line changed"
	second := release(t, service, lab.Change{Layers: layers})
	two := deployNow(t, service, second)
	two.want(t, deploy.DecidedSucceeded, "", 0)
	lives(t, service, second)
	if b := two.result.Bytes; b.Needed > b.Image-3<<20 || b.Received > b.Needed*1005/1000+128<<10 {
		t.Errorf("%d bytes crossed, %d needed, after a change in the top of %d", b.Received, b.Needed, b.Image)
	}

	id, err := world.Master.Inspect(t.Context(), service, "{{.Id}} {{.State.StartedAt}}")
	if err != nil {
		t.Fatal(err)
	}
	again := deployNow(t, service, second)
	again.want(t, deploy.DecidedUnchanged, "", 0)
	if now, err := world.Master.Inspect(t.Context(), service, "{{.Id}} {{.State.StartedAt}}"); err != nil || now != id {
		t.Errorf("the container is %s (%v), was %s", now, err, id)
	}
	if again.result.Changed || again.result.Receipt != nil || len(again.result.Evidence) == 0 {
		t.Errorf("again: %s", again.stdout)
	}

	controller(t, "verify", "--service", service).want(t, deploy.DecidedUnchanged, "", 0)

	if !strings.HasPrefix(two.result.Rollback, "unidesk-controller ") || !strings.Contains(two.result.Rollback, first) {
		t.Fatalf("rollback %q", two.result.Rollback)
	}
	back := controller(t, strings.Fields(strings.TrimPrefix(two.result.Rollback, "unidesk-controller "))...)
	back.want(t, deploy.DecidedSucceeded, "", 0)
	lives(t, service, first)
	if b := back.result.Bytes; b.Needed != 0 {
		t.Errorf("going back needed %d bytes; the old image should have stayed", b.Needed)
	}

	forced := deployNow(t, service, first, "--force")
	forced.want(t, deploy.DecidedSucceeded, "", 0)
	clean(t, service)

	shown := controller(t, "history", "show", one.result.Receipt.ID)
	if shown.exit != 0 || !strings.Contains(string(shown.stdout), one.result.Receipt.Container) {
		t.Errorf("history show: %d %s", shown.exit, shown.stdout)
	}
}

func TestEveryMasterServiceGoesLive(t *testing.T) {
	for _, service := range lab.Services() {
		commit := release(t, service, lab.Change{})
		var a answer
		switch service {
		case "code-queue-mgr":
			continue // behind a gate, with a test of its own
		case "backend-core":
			deployNow(t, service, commit, "--env", "prod").want(t, deploy.DecidedGated, fault.UseDeployApply, 3)
			a = controller(t, "deploy", "apply", "--env", "prod", "--service", service, "--commit", commit)
		default:
			a = deployNow(t, service, commit, "--env", "prod")
		}
		a.want(t, deploy.DecidedSucceeded, "", 0)
		lives(t, service, commit)
		composed := strings.Contains(strings.Join(a.result.Witnesses, "\n"), "composed")
		if composed != (service == "todo-note") {
			t.Errorf("%s: witnesses %q", service, a.result.Witnesses)
		}
	}
}

func TestABrokenCommitRevertsByItself(t *testing.T) {
	t.Parallel()
	const service = "oa-event-flow"
	good := release(t, service, lab.Change{})
	deployNow(t, service, good).want(t, deploy.DecidedSucceeded, "", 0)
	before := envLines(t, service)
	for _, behaviour := range []string{"never-healthy", "stale-commit", "not-json", "crash"} {
		t.Run(behaviour, func(t *testing.T) {
			bad := release(t, service, lab.Change{Behaviour: behaviour})
			a := deployNow(t, service, bad)
			a.want(t, deploy.DecidedReverted, fault.NotProven, 1)
			lives(t, service, good)
			clean(t, service)
			if len(a.result.Failure.Logs) == 0 {
				t.Error("the broken container's last lines are not shown")
			}
			if after := envLines(t, service); after != before {
				t.Error("the env file is not as it was")
			}
			if !strings.Contains(a.result.Running, good) {
				t.Errorf("running now: %q", a.result.Running)
			}
		})
	}
}

func TestASlowStartIsWaitedFor(t *testing.T) {
	commit := release(t, "frontend", lab.Change{Behaviour: "slow-start"})
	deployNow(t, "frontend", commit).want(t, deploy.DecidedSucceeded, "", 0)
}

// With nothing before it, a version that is not proven goes away again, and its
// last words hold no secret.
func TestWithoutAVersionBeforeTheContainerGoes(t *testing.T) {
	const service = "baidu-netdisk"
	if _, err := world.Master.Compose(t.Context(), "rm", "--stop", "--force", service); err != nil {
		t.Fatal(err)
	}
	bad := release(t, service, lab.Change{Behaviour: "leaky"})
	a := deployNow(t, service, bad)
	a.want(t, deploy.DecidedReverted, fault.NotProven, 1)
	if logs := strings.Join(a.result.Failure.Logs, "\n"); !strings.Contains(logs, "[redacted]") {
		t.Errorf("its last lines: %q", logs)
	}
	if id, err := world.Master.Inspect(t.Context(), service, "{{.Id}}"); err == nil {
		t.Errorf("container %s is still there", id)
	}
	clean(t, service)
}
