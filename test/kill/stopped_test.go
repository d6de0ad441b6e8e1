//go:build integration

package kill

import (
	"bufio"
	"bytes"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// A controller that does not run for longer than the proof may take, as on a laptop that
// sleeps, has seen nothing meanwhile: the proof begins anew, and the good version stays.
func TestAControllerThatSleptProvesAnew(t *testing.T) {
	t.Parallel()
	const service = "project-manager"
	good := world.Release(t, service, lab.Change{})
	cmd := world.Command(t, "artifact-registry", "deploy-service", "--service", service, "--commit", good, "--run-now")
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	said, err := cmd.StderrPipe()
	drive.Must(t, err)
	drive.Must(t, cmd.Start())
	lines := bufio.NewScanner(said)
	stopped := false
	for lines.Scan() {
		stderr.WriteString(lines.Text() + "\n")
		if !stopped && strings.Contains(lines.Text(), " prove ") {
			stopped = true
			drive.Must(t, cmd.Process.Signal(syscall.SIGSTOP))
			time.Sleep(40 * time.Second) // longer than this world's proofs may take
			drive.Must(t, cmd.Process.Signal(syscall.SIGCONT))
		}
	}
	a := drive.Ended(t, cmd, cmd.Wait(), stdout.Bytes(), stderr.String())
	a.Want(t, contract.DecidedSucceeded, "", 0)
	if !strings.Contains(a.Stderr, "the proof begins anew") {
		t.Errorf("nothing is printed of the sleep: %s", a.Stderr)
	}
	world.Lives(t, service, good)
}
