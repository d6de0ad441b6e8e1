//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// The reconciler brings live what deploy.json wants, and leaves the file alone.
func TestDeployApplyGoesByDeployJSON(t *testing.T) {
	const service = "oa-event-flow"
	first, second := release(t, service, lab.Change{}), release(t, service, lab.Change{})
	file := filepath.Join(world.Master.Root, "deploy.json")
	defer func() { must(t, os.Remove(file)) }()
	wish := func(commit string) string {
		t.Helper()
		content := fmt.Sprintf(`{"environments":{"prod":{"services":{%q:{"commit":%q},"code-queue":{"commit":%[2]q}}}}}`, service, commit)
		must(t, os.WriteFile(file, []byte(content), 0o600))
		return content
	}
	diff := func(exit int) (c deploy.Comparison) {
		t.Helper()
		a := controller(t, "deploy", "diff", "--env", "prod", "--service", service)
		if err := json.Unmarshal(a.stdout, &c); err != nil || a.exit != exit {
			t.Fatalf("diff: exit %d, want %d: %v: %s %s", a.exit, exit, err, a.stdout, a.stderr)
		}
		return c
	}

	wish(first)
	diff(1)
	controller(t, "deploy", "plan", "--env", "prod", "--service", service).want(t, deploy.DecidedReady, "", 0)
	controller(t, "deploy", "apply", "--env", "prod", "--service", service).want(t, deploy.DecidedSucceeded, "", 0)
	lives(t, service, first)
	diff(0)

	content := wish(second)
	if c := diff(1); c.Services[0].Live != first || c.Services[0].Wanted != second {
		t.Errorf("%+v", c)
	}
	a := controller(t, "deploy", "apply", "--env", "prod")
	var all deploy.Reconciliation
	if err := json.Unmarshal(a.stdout, &all); err != nil || a.exit != 3 || all.Decision != deploy.DecidedIncomplete {
		t.Fatalf("apply: exit %d, %v: %s %s", a.exit, err, a.stdout, a.stderr)
	}
	if all.Services[0].Outcome != deploy.OutcomeSkipped || all.Services[1].Outcome != deploy.OutcomeDone {
		t.Errorf("%s", a.stdout)
	}
	lives(t, service, second)
	diff(0)

	if now, err := os.ReadFile(file); err != nil || string(now) != content {
		t.Errorf("deploy.json is %s (%v)", now, err)
	}

	wish(first)
	if c := diff(1); !c.Services[0].Older {
		t.Errorf("%+v", c)
	}
	back := controller(t, "deploy", "apply", "--env", "prod", "--service", service, "--commit", first)
	back.want(t, deploy.DecidedSucceeded, "", 0)
	if !back.result.Older {
		t.Errorf("%s", back.stdout)
	}
	clean(t, service)
}
