//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// text is what a command prints for people.
func text(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := world.Controller.Command(t.Context(), args...)
	cmd.Stdout = &out
	_ = cmd.Run() // what it prints is looked at
	return out.String()
}

// byHand has Compose run a commit's image under the service's stable name, as a person
// does who does not use the product.
func byHand(t *testing.T, service, commit string) {
	t.Helper()
	name := world.Master.Image(service)
	_, err := world.Engine.Docker(t.Context(), "tag", name+":"+commit, name)
	drive.Must(t, err)
	_, err = world.Master.Compose(t.Context(), "up", "-d", "--no-deps", "--force-recreate", "--pull", "never", service)
	drive.Must(t, err)
}

// live is what status answers about a service in prod.
func live(t *testing.T, service string) overview.Live {
	t.Helper()
	var s overview.Status
	if err := json.Unmarshal([]byte(text(t, "status", service, "--env", "prod", "-o", "json")), &s); err != nil || len(s.Services) != 1 {
		t.Fatalf("%v: %+v", err, s)
	}
	return s.Services[0]
}

// Every command names the commit of the image that runs, and what the environment has
// beside it.
func TestEveryCommandNamesTheImageThatRuns(t *testing.T) {
	const service = "oa-event-flow"
	first := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, first).Want(t, contract.DecidedSucceeded, "", 0)
	second := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, second).Want(t, contract.DecidedSucceeded, "", 0)
	byHand(t, service, first)

	both := first + " (its environment says " + second + ")"
	for _, args := range [][]string{
		{"artifact-registry", "deploy-service", "--service", service, "--commit", second},
		{"verify", "--service", service},
		{"rollback", "--service", service},
	} {
		if out := text(t, args...); !strings.Contains(out, " runs "+both) || strings.Contains(out, "runs "+second) {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	row := regexp.MustCompile(`(?m)^` + service + ` .* ` + first[:12] + ` .*runs ` + regexp.QuoteMeta(both))
	if out := text(t, "artifact-registry", "catalog"); !row.MatchString(out) {
		t.Errorf("catalog:\n%s", out)
	}
	if live := live(t, service); live.State != overview.Drifted || live.Running.Commit != first || live.Proven.Commit.String() != second {
		t.Errorf("status: %+v", live)
	}
	a := world.DeployNow(t, service, second)
	a.Want(t, contract.DecidedSucceeded, "", 0)
	if live := live(t, service); live.State != overview.Proven || live.Running.Commit != second || live.Newer == nil || *live.Newer != 0 {
		t.Errorf("status: %+v", live)
	}
	if out := text(t, "history", "show", a.Result.Receipt.ID); !regexp.MustCompile(`ran before +` + first).MatchString(out) {
		t.Errorf("history:\n%s", out)
	}
}

// A container in a crash loop runs nothing, at any moment of the loop.
func TestACrashLoopIsNotSaidToRun(t *testing.T) {
	const service = "oa-event-flow"
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	undo := drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
		return regexp.MustCompile(`(?s)(\n  `+service+`:\n.*?\n    environment:\n)`).ReplaceAllString(s, "${1}      PORT: none\n")
	})
	defer func() {
		undo()
		world.DeployNow(t, service, good, "--force").Want(t, contract.DecidedSucceeded, "", 0)
	}()
	byHand(t, service, good)
	waiting, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for {
		restarts, err := world.Master.Inspect(t.Context(), service, "{{.RestartCount}} {{.State.Status}}")
		drive.Must(t, err)
		if n, state, _ := strings.Cut(restarts, " "); n >= "3" && state == "restarting" {
			break
		}
		select {
		case <-waiting.Done():
			t.Fatal(restarts)
		case <-time.After(50 * time.Millisecond):
		}
	}
	want := regexp.MustCompile(`(does not run ` + good + `: it is restarting, exit code [1-9]|keeps restarting \([0-9]+ restarts.*with ` + good + `)`)
	for _, args := range [][]string{
		{"artifact-registry", "deploy-service", "--service", service, "--commit", good},
		{"verify", "--service", service},
		{"rollback", "--service", service},
		{"artifact-registry", "catalog"},
	} {
		if out := text(t, args...); !want.MatchString(out) || strings.Contains(out, " runs "+good) {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	if live := live(t, service); live.State != overview.Down {
		t.Errorf("status: %+v", live)
	}
	world.Run(t, "verify", "--service", service).Want(t, contract.DecidedDrifted, fault.NotProven, 1)
	_, err := world.Master.Compose(t.Context(), "stop", service)
	drive.Must(t, err)
	if out := text(t, "verify", "--service", service); !regexp.MustCompile(`does not run ` + good + `: exit code [1-9]`).MatchString(out) {
		t.Errorf("stopped:\n%s", out)
	}
}
