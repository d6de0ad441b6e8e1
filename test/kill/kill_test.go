//go:build integration

package kill

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// killable builds the controller that kills itself, as kill -9 does, at the point
// that UNIDESK_KILL_AT names.
func killable(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "unidesk-controller")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "killpoints", "-o", program, "../../cmd/controller").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// killedAt starts a deploy that dies at a point, and checks that it did.
func killedAt(t *testing.T, program string, point workload.Point, service, commit string) {
	t.Helper()
	cmd := world.Command(t, "artifact-registry", "deploy-service", "--service", service, "--commit", commit, "--run-now", "--force")
	cmd.Path, cmd.Args[0] = program, program
	cmd.Env = append(cmd.Env, "UNIDESK_KILL_AT="+string(point))
	a := world.Finish(t, cmd)
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("not killed at %s: exit %d\n%s\n%s", point, a.Exit, a.Stdout, a.Stderr)
	}
}

// At every point: kill -9, then a recover, or the same command again, and the old
// version or the new is proven, the env file is whole and nothing is left.
func TestKilledAtAnyPointEndsInOldOrNew(t *testing.T) {
	t.Parallel() // with tests of other services
	k := newKilling(t, "todo-note")
	program := killable(t)
	for _, point := range workloadtest.Points() {
		t.Run(string(point)+"/recover", func(t *testing.T) {
			commit := k.publish(t)
			killedAt(t, program, point, k.service, commit)
			recovered(t, k.service)
			k.endsInOldOrNew(t, commit)
		})
		t.Run(string(point)+"/again", func(t *testing.T) {
			commit := k.publish(t)
			killedAt(t, program, point, k.service, commit)
			world.DeployNow(t, k.service, commit).Exits(t, 0)
			world.Lives(t, k.service, commit)
			k.endsInOldOrNew(t, commit)
		})
	}
	k.whileComposeRuns(t)
}

// whileComposeRuns kills in mid-recreate. Compose goes on for seconds after its
// controller was killed: the next command waits for it, and does not run a second
// Compose beside it.
func (k *killing) whileComposeRuns(t *testing.T) {
	t.Helper()
	for _, wait := range []time.Duration{50, 200, 400, 700} {
		t.Run(fmt.Sprintf("%d ms into compose", wait), func(t *testing.T) {
			commit := k.publish(t)
			cmd := world.Command(t, "artifact-registry", "deploy-service", "--service", k.service, "--commit", commit, "--run-now")
			stderr, err := cmd.StderrPipe()
			drive.Must(t, err)
			drive.Must(t, cmd.Start())
			for lines := bufio.NewScanner(stderr); lines.Scan() && !strings.Contains(lines.Text(), string(workload.PointReplace)); {
			}
			time.Sleep(wait * time.Millisecond)
			drive.Must(t, cmd.Process.Kill())
			_, _ = io.Copy(io.Discard, stderr)
			_ = cmd.Wait() // killed
			recovered(t, k.service)
			k.endsInOldOrNew(t, commit)
		})
	}
}

// killing is a service whose deploys get killed, and what it was before each.
type killing struct {
	service string
	from    lab.Summary
	seed    uint64

	commit, env, image string
}

func newKilling(t *testing.T, service string) *killing {
	t.Helper()
	from, err := world.CI.Release(t.Context(), service, lab.Change{Behaviour: "ok"})
	drive.Must(t, err)
	world.DeployNow(t, service, from.SourceCommit).Exits(t, 0)
	k := &killing{service: service, from: from, commit: from.SourceCommit}
	k.look(t)
	return k
}

func (k *killing) look(t *testing.T) {
	t.Helper()
	var err error
	k.env = world.EnvLines(t, k.service)
	k.image, err = world.Master.Inspect(t.Context(), k.service, "{{.Image}}")
	drive.Must(t, err)
}

// publish makes a commit with two layers that the master has never seen. Only a
// service that does not know its own commit can be published without a build.
func (k *killing) publish(t *testing.T) string {
	t.Helper()
	k.seed++
	commit := fmt.Sprintf("%040x", time.Now().UnixNano())
	_, err := world.CI.PushLayered(t.Context(), k.from, commit, lab.Gzip,
		lab.Layer{Name: "a", Size: 1 << 20, Noise: 50, Seed: 1000 + k.seed}, lab.Layer{Name: "b", Size: 1 << 20, Noise: 50, Seed: 2000 + k.seed})
	drive.Must(t, err)
	return commit
}

// endsInOldOrNew checks what must hold whatever happened in between.
func (k *killing) endsInOldOrNew(t *testing.T, commit string) {
	t.Helper()
	world.Clean(t, k.service)
	live, err := world.Master.Inspect(t.Context(), k.service, `{{.State.Running}} {{index .Config.Labels "org.opencontainers.image.revision"}}`)
	drive.Must(t, err)
	switch live {
	case "true " + k.commit:
		if env := world.EnvLines(t, k.service); env != k.env {
			t.Errorf("the old version runs, and the env file is not as it was:\n%s", cmp.Diff(k.env, env))
		}
	case "true " + commit:
		if !strings.Contains(world.EnvFile(t), "UNIDESK_TODO_NOTE_DEPLOY_COMMIT="+commit) {
			t.Error("the new version runs, and the env file does not name it")
		}
	default:
		t.Fatalf("runs %q, want %s or %s", live, k.commit, commit)
	}
	if _, err := world.Engine.Docker(t.Context(), "image", "inspect", k.image); err != nil {
		t.Errorf("the old image is gone: %v", err)
	}
	k.commit = strings.TrimPrefix(live, "true ")
	k.look(t)
}

// recovered runs recover, once: it must end what was left of the service, and
// find nothing when it is run again.
func recovered(t *testing.T, service string) {
	t.Helper()
	for _, one := range recoverAll(t, service) {
		if one.Action == contract.Busy || one.Action == contract.Failed {
			t.Errorf("recover: %+v", one)
		}
	}
	if left := recoverAll(t, service); len(left) > 0 {
		t.Errorf("recover again: %+v", left)
	}
}

// recoverAll runs recover and returns what it did about the service; others may
// be busy with tests of their own.
func recoverAll(t *testing.T, service string) []contract.Recovery {
	t.Helper()
	a := world.Run(t, "recover")
	var done struct{ Items []contract.Recovery }
	if err := json.Unmarshal(a.Stdout, &done); err != nil {
		t.Fatalf("recover: %v, exit %d %s %s", err, a.Exit, a.Stdout, a.Stderr)
	}
	return slices.DeleteFunc(done.Items, func(r contract.Recovery) bool { return r.Service.String() != service })
}

// A first Ctrl-C ends in the old version once there is something to revert.
func TestStopAfterTheSwitchBringsTheOldVersionBack(t *testing.T) {
	t.Parallel()
	const service = "frontend"
	old := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, old).Want(t, contract.DecidedSucceeded, "", 0)
	slow := world.Release(t, service, lab.Change{Behaviour: "slow-start"})
	cmd := world.Command(t, "artifact-registry", "deploy-service", "--service", service, "--commit", slow, "--run-now")
	cmd.Cancel = nil
	go func() {
		for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			label, _ := world.Master.Inspect(t.Context(), service, `{{index .Config.Labels "org.opencontainers.image.revision"}}`)
			if label == slow {
				break
			}
		}
		_ = cmd.Process.Signal(syscall.SIGINT)
	}()
	a := world.Finish(t, cmd)
	a.Want(t, contract.DecidedInterrupted, "INTERRUPTED", 130)
	world.Lives(t, service, old)
	world.Clean(t, service)
}
