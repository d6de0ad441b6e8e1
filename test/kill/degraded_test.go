//go:build integration

package kill

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// sed edits the env file while others deploy: under the lock that their edits take, and
// by a new file in the old file's place.
func sed(t *testing.T, script string) {
	t.Helper()
	dir, name := filepath.Split(world.Master.EnvFile)
	before := world.EnvFile(t)
	out, err := exec.CommandContext(t.Context(), "flock", dir+"."+name+".unidesk.lock", "sed", "-i", script, world.Master.EnvFile).CombinedOutput()
	if err != nil || world.EnvFile(t) == before {
		t.Fatalf("%s changed nothing: %v: %s", script, err, out)
	}
}

// candidates returns the commits that rollback lists: what was proven, the running
// commit among them.
func candidates(t *testing.T, service string) (commits []string) {
	t.Helper()
	a := world.Run(t, "rollback", "--service", service)
	var r struct{ Candidates []struct{ Commit string } }
	if err := json.Unmarshal(a.Stdout, &r); err != nil {
		t.Fatalf("rollback: %v, exit %d %s %s", err, a.Exit, a.Stdout, a.Stderr)
	}
	for _, c := range r.Candidates {
		commits = append(commits, c.Commit)
	}
	return commits
}

// A login that is not there, and was not before either, is no fault of the version: it
// is kept, and reported as degraded, until it is mended. Another commit's answer is a
// fault, and reverted.
func TestAMissingLoginDegradesUntilItIsMended(t *testing.T) {
	t.Parallel()
	const service = "baidu-netdisk"
	commit := world.Release(t, service, lab.Change{})
	hints := []string{
		"restore the missing UNIDESK_BAIDU_NETDISK_* values in the env file",
		"recreate the one service with the same command and --force",
		`verify with "microservice health baidu-netdisk"`,
	}
	sed(t, "s/_NETDISK_SESSION=.*/_NETDISK_SESSION=/")
	degraded := func(when string, flags ...string) {
		t.Helper()
		a := world.DeployNow(t, service, commit, flags...)
		a.Want(t, contract.DecidedDegraded, "", 4)
		if a.Result.OK || !a.Result.Changed || strings.Join(a.Result.Hints, "\n") != strings.Join(hints, "\n") {
			t.Errorf("%s: ok %v, changed %v, hints %q", when, a.Result.OK, a.Result.Changed, a.Result.Hints)
		}
		for _, f := range a.Result.Evidence {
			if missing := f.Check == "health auth.loggedIn"; f.OK == missing || f.Degrades != missing {
				t.Errorf("%s: %+v", when, f)
			}
		}
		world.Lives(t, service, commit)
		if c := candidates(t, service); len(c) > 0 {
			t.Errorf("%s: what is degraded is one to go back to: %s", when, c)
		}
	}
	degraded("nothing ran before")
	degraded("it was false before", "--force")

	container, err := world.Master.Inspect(t.Context(), service, "{{.Id}} {{.State.StartedAt}}")
	drive.Must(t, err)
	again := world.Controller.Command(t.Context(), "artifact-registry", "deploy-service", "--service", service, "--commit", commit, "--run-now")
	out, err := again.Output()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 4 {
		t.Errorf("the same command again: %v: %s", err, out)
	}
	for i, hint := range hints {
		if !strings.Contains(string(out), fmt.Sprintf("  %-14s %s\n", fmt.Sprintf("hint %d", i+1), hint)) {
			t.Errorf("hint %d is not printed:\n%s", i+1, out)
		}
	}
	if now, err := world.Master.Inspect(t.Context(), service, "{{.Id}} {{.State.StartedAt}}"); err != nil || now != container {
		t.Errorf("only proven again, and yet %s runs (%v), was %s", now, err, container)
	}

	sed(t, "s/_NETDISK_SESSION=.*/_NETDISK_SESSION=sample-session/")
	world.DeployNow(t, service, commit, "--force").Want(t, contract.DecidedSucceeded, "", 0)
	if c := candidates(t, service); len(c) != 1 || c[0] != commit {
		t.Errorf("proven: %s, want %s", c, commit)
	}

	stale := world.DeployNow(t, service, world.Release(t, service, lab.Change{Behaviour: "stale-commit"}))
	stale.Want(t, contract.DecidedReverted, fault.NotProven, 1)
	if !strings.Contains(stale.Result.Failure.Message, "deploy.commit") {
		t.Errorf("because %s", stale.Result.Failure.Message)
	}
	world.Lives(t, service, commit)
	world.Clean(t, service)
}
