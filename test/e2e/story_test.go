//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// answer is what a command of the controller came to.
type answer struct {
	result contract.Result
	exit   int
	stdout []byte
	stderr string
}

// command is the controller as an operator types it on the master, JSON asked for.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return two.Master.Exec(t.Context(), append([]string{"unidesk-controller", "-o", "json"}, args...)...)
}

func deployCommand(t *testing.T, service, commit string, flags ...string) *exec.Cmd {
	t.Helper()
	return command(t, append([]string{"artifact-registry", "deploy-service", "--service", service, "--commit", commit, "--run-now"}, flags...)...)
}

// controller runs a command to its end.
func controller(t *testing.T, args ...string) answer {
	t.Helper()
	return begin(t, command(t, args...)).end(t)
}

func deployNow(t *testing.T, service, commit string, flags ...string) answer {
	t.Helper()
	return begin(t, deployCommand(t, service, commit, flags...)).end(t)
}

// running is a command that goes on while a test does something to its world.
type running struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr said
}

func begin(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{cmd: cmd}
	cmd.Stdout, cmd.Stderr = &r.stdout, &r.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

// reaches waits until the command has named a point of a deploy.
func (r *running) reaches(t *testing.T, point workload.Point) {
	t.Helper()
	eventually(t, time.Minute, "the command reaches "+string(point), func() error {
		for line := range strings.Lines(r.stderr.String()) {
			if fields := strings.Fields(line); len(fields) > 1 && fields[1] == plain.Label(point) {
				return nil
			}
		}
		return errors.New(r.stderr.String())
	})
}

func (r *running) end(t *testing.T) answer {
	t.Helper()
	err := r.cmd.Wait()
	a := drive.Ended(t, r.cmd, err, r.stdout.Bytes(), r.stderr.String())
	return answer{a.Result, a.Exit, a.Stdout, a.Stderr}
}

// want checks decision, reason and exit code, and what every failure owes.
func (a answer) want(t *testing.T, decision contract.Decision, reason fault.Reason, exit int) {
	t.Helper()
	drive.Answer{Result: a.result, Exit: a.exit, Stdout: a.stdout, Stderr: a.stderr}.Want(t, decision, reason, exit)
}

// release builds and publishes a new commit of a service on D601.
func release(t *testing.T, service string, change lab.Change) lab.Summary {
	t.Helper()
	return drive.Release(t, two.ci, service, change)
}

// imageOf reads a published image back from the registry.
func imageOf(t *testing.T, service, commit string) v1.Image {
	t.Helper()
	image, err := two.ci.Image(t.Context(), lab.Summary{DigestRef: two.ci.Ref(service, commit)})
	must(t, err)
	return image
}

func must(t *testing.T, err error) {
	t.Helper()
	drive.Must(t, err)
}

// eventually tries until it works, and reports the last error when it never does.
func eventually(t *testing.T, within time.Duration, what string, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s: %v", within, what, err)
		}
	}
}
