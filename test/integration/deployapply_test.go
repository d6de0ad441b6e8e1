//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// The reconciler brings live what deploy.json wants, and leaves the file alone.
func TestDeployApplyGoesByDeployJSON(t *testing.T) {
	const service = "oa-event-flow"
	first, second := world.Release(t, service, lab.Change{}), world.Release(t, service, lab.Change{})
	file := filepath.Join(world.Master.Root, "deploy.json")
	defer func() { drive.Must(t, os.Remove(file)) }()
	wish := func(commit string) string {
		t.Helper()
		content := fmt.Sprintf(`{"environments":{"prod":{"services":{%q:{"commit":%q},"code-queue":{"commit":%[2]q}}}}}`, service, commit)
		drive.Must(t, os.WriteFile(file, []byte(content), 0o600))
		return content
	}
	diff := func(exit int) (c contract.Comparison) {
		t.Helper()
		a := world.Run(t, "deploy", "diff", "--env", "prod", "--service", service)
		if err := json.Unmarshal(a.Stdout, &c); err != nil || a.Exit != exit {
			t.Fatalf("diff: exit %d, want %d: %v: %s %s", a.Exit, exit, err, a.Stdout, a.Stderr)
		}
		return c
	}

	wish(first)
	diff(1)
	world.Run(t, "deploy", "plan", "--env", "prod", "--service", service).Want(t, contract.DecidedReady, "", 0)
	world.Run(t, "deploy", "apply", "--env", "prod", "--service", service).Want(t, contract.DecidedSucceeded, "", 0)
	world.Lives(t, service, first)
	diff(0)

	content := wish(second)
	if c := diff(1); c.Services[0].Running.Commit != first || c.Services[0].Wanted != second {
		t.Errorf("%+v", c)
	}
	a := world.Run(t, "deploy", "apply", "--env", "prod")
	var all contract.Reconciliation
	if err := json.Unmarshal(a.Stdout, &all); err != nil || a.Exit != 3 || all.Decision != contract.DecidedIncomplete {
		t.Fatalf("apply: exit %d, %v: %s %s", a.Exit, err, a.Stdout, a.Stderr)
	}
	if all.Services[0].Outcome != contract.OutcomeSkipped || all.Services[1].Outcome != contract.OutcomeDone {
		t.Errorf("%s", a.Stdout)
	}
	world.Lives(t, service, second)
	diff(0)

	if now, err := os.ReadFile(file); err != nil || string(now) != content {
		t.Errorf("deploy.json is %s (%v)", now, err)
	}

	wish(first)
	if c := diff(1); !c.Services[0].Older {
		t.Errorf("%+v", c)
	}
	back := world.Run(t, "deploy", "apply", "--env", "prod", "--service", service, "--commit", first)
	back.Want(t, contract.DecidedSucceeded, "", 0)
	if !back.Result.Older {
		t.Errorf("%s", back.Stdout)
	}
	world.Clean(t, service)
}
