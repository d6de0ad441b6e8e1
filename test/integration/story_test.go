//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// answer is what a command came to.
type answer struct {
	result deploy.Result
	exit   int
	stdout []byte
	stderr string
}

// command is a controller command, JSON asked for.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := world.Controller
	cmd := exec.CommandContext(t.Context(), c.Program, append([]string{"--config", c.Config, "-o", "json"}, args...)...)
	cmd.Env = c.Env()
	return cmd
}

// controller runs a command to its end.
func controller(t *testing.T, args ...string) answer {
	t.Helper()
	return finish(t, command(t, args...))
}

func finish(t *testing.T, cmd *exec.Cmd) answer {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	a := answer{exit: cmd.ProcessState.ExitCode(), stdout: stdout.Bytes(), stderr: stderr.String()}
	if a.exit >= 0 {
		if err := json.Unmarshal(a.stdout, &a.result); err != nil && len(a.stdout) > 0 && a.stdout[0] == '{' {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, a.stdout)
		}
	}
	noSecret(t, a)
	return a
}

// deployNow deploys a commit of a service live.
func deployNow(t *testing.T, service, commit string, flags ...string) answer {
	t.Helper()
	return controller(t, append([]string{"artifact-registry", "deploy-service", "--service", service, "--commit", commit, "--run-now"}, flags...)...)
}

// want checks decision, reason and exit code, and what every failure owes.
func (a answer) want(t *testing.T, decision deploy.Decision, reason fault.Reason, exit int) {
	t.Helper()
	var got fault.Reason
	if f := a.result.Failure; f != nil {
		got = f.Reason
		if f.Step == "" || f.Message == "" || f.Next == "" {
			t.Errorf("failure without step, message or next command: %+v", f)
		}
	}
	if a.result.Decision != decision || got != reason || a.exit != exit {
		t.Fatalf("decided %s (%s), exit %d; want %s (%s), exit %d\nstdout: %s\nstderr: %s",
			a.result.Decision, got, a.exit, decision, reason, exit, a.stdout, a.stderr)
	}
}

// exits checks only the exit code.
func (a answer) exits(t *testing.T, code int) {
	t.Helper()
	if a.exit != code {
		t.Fatalf("exit %d, want %d\nstdout: %s\nstderr: %s", a.exit, code, a.stdout, a.stderr)
	}
}

// release publishes a new commit of a service that behaves.
func release(t *testing.T, service string, change lab.Change) string {
	t.Helper()
	if change.Behaviour == "" {
		change.Behaviour = "ok"
	}
	s, err := world.CI.Release(t.Context(), service, change)
	if err != nil {
		t.Fatal(err)
	}
	return s.SourceCommit
}

// lives checks, without the product, which commit a service's container is.
func lives(t *testing.T, service, commit string) {
	t.Helper()
	label, err := world.Master.Inspect(t.Context(), service, `{{index .Config.Labels "org.opencontainers.image.revision"}}`)
	if err != nil || label != commit {
		t.Errorf("%s runs %q (%v), want %s", service, label, err, commit)
	}
	if service == "todo-note" {
		return
	}
	if got, err := world.Master.LiveCommit(t.Context(), service); err != nil || got != commit {
		t.Errorf("%s answers %q (%v), want %s", service, got, err, commit)
	}
}

func envFile(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(world.Master.EnvFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// envLines are the deploy keys of a service in the env file, as they stand there.
func envLines(t *testing.T, service string) string {
	t.Helper()
	prefix := "UNIDESK_" + strings.ToUpper(strings.ReplaceAll(service, "-", "_")) + "_DEPLOY_"
	var lines strings.Builder
	for line := range strings.Lines(envFile(t)) {
		if strings.HasPrefix(line, prefix) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// noSecret looks for the env file's secrets in everything that a command said.
func noSecret(t *testing.T, a answer) {
	t.Helper()
	secrets, err := os.ReadFile(world.Master.EnvFile)
	if err != nil {
		return // moved away by the test
	}
	for line := range strings.Lines(string(secrets)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		if !ok || len(value) < 6 || strings.Contains(key, "_DEPLOY_") || strings.HasPrefix(key, "#") {
			continue
		}
		if strings.Contains(string(a.stdout)+a.stderr, value) {
			t.Errorf("the value of %s was printed", key)
		}
	}
}

// clean checks that nothing half done is left of a service.
func clean(t *testing.T, service string) {
	t.Helper()
	out, err := world.Engine.Docker(t.Context(), "ps", "--all", "--format", "{{.Names}}")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(out) {
		if strings.HasSuffix(name, "_"+world.Master.Container(service)) {
			t.Errorf("leftover container %s", name)
		}
	}
	left, err := filepath.Glob(filepath.Join(world.Controller.State, "ledger", "*", service, "*.pending.json"))
	if err != nil || len(left) > 0 {
		t.Errorf("pending receipts %v (%v)", left, err)
	}
}
