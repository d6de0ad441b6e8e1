//go:build integration

package kill

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// secondMaster is the world as another master sees it: the same hosts, its own state.
func secondMaster(t *testing.T) *drive.World {
	t.Helper()
	there, controller := *world.World, *world.Controller
	dir := t.TempDir()
	controller.Config, controller.State = filepath.Join(dir, "etc"), filepath.Join(dir, "state")
	drive.Must(t, os.CopyFS(controller.Config, os.DirFS(world.Controller.Config)))
	file := filepath.Join(controller.Config, "controller.yaml")
	content, err := os.ReadFile(file)
	drive.Must(t, err)
	drive.Must(t, os.WriteFile(file, bytes.ReplaceAll(content, []byte("state: "+world.Controller.State), []byte("state: "+controller.State)), 0o600))
	there.Controller = &controller
	return &drive.World{World: &there}
}

// Two masters deploy to D601. The second respects the lease of the first, unless it has
// --take-over; the first finds its change ended, reports that and reverts nothing.
func TestTwoMastersDoEachOtherNoHarm(t *testing.T) {
	const service = "findjob"
	second := secondMaster(t)
	old := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, old).Want(t, contract.DecidedSucceeded, "", 0)
	never := world.Release(t, service, lab.Change{Behaviour: "never-healthy"})
	next := world.Release(t, service, lab.Change{Behaviour: "ok"})

	first := world.Command(t, "artifact-registry", "deploy-service", "--service", service, "--commit", never, "--run-now")
	var stdout, stderr bytes.Buffer
	first.Stdout = &stdout
	said, err := first.StderrPipe()
	drive.Must(t, err)
	drive.Must(t, first.Start())
	ended := false
	defer func() {
		if !ended {
			_ = first.Process.Kill()
			_ = first.Wait()
		}
	}()
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.Contains(lines.Text(), " prove ") {
		stderr.WriteString(lines.Text() + "\n")
	}
	drive.Must(t, first.Process.Signal(syscall.SIGSTOP))

	blocked := second.DeployNow(t, service, next)
	blocked.Want(t, contract.DecidedBlocked, fault.ChangePending, 3)
	if f := blocked.Result.Failure; !strings.Contains(f.By, "deploy of "+never) || f.Until.IsZero() {
		t.Errorf("held by %q until %s", f.By, f.Until)
	}
	for _, part := range []string{never[:12], "deploy of " + never, "holds it until "} {
		if !strings.Contains(blocked.Result.Failure.Message, part) {
			t.Errorf("%q is not in: %s", part, blocked.Result.Failure.Message)
		}
	}
	second.DeployNow(t, service, next, "--take-over").Want(t, contract.DecidedSucceeded, "", 0)

	drive.Must(t, first.Process.Signal(syscall.SIGCONT))
	for lines.Scan() {
		stderr.WriteString(lines.Text() + "\n")
	}
	err = first.Wait()
	ended = true
	ours := drive.Ended(t, first, err, stdout.Bytes(), stderr.String())
	ours.Want(t, contract.DecidedReverted, fault.Stale, 1)
	if !strings.Contains(ours.Result.Failure.Message, "another run ended the change") || !strings.Contains(ours.Result.Running.Text, "runs "+next) {
		t.Errorf("%s; running: %s", ours.Result.Failure.Message, ours.Result.Running.Text)
	}
	label, err := world.Builder.Docker(t.Context(), "inspect", "--type", "container", "--format",
		`{{index .Config.Labels "org.opencontainers.image.revision"}}`, world.Master.Container(service))
	drive.Must(t, err)
	if strings.TrimSpace(label) != next {
		t.Errorf("%s runs, want %s", label, next)
	}
	for name, w := range map[string]*drive.World{"first": world, "second": second} {
		if out := string(w.Run(t, "recover").Stdout); strings.Contains(out, service) {
			t.Errorf("the %s master has something left: %s", name, out)
		}
	}
}
