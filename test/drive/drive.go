//go:build integration

// Package drive is what the packages beside it share, which try the product in a
// world of package lab: each starts one of its own, so that they run side by side,
// and drives the controller in it as an operator does. It looks at what came of
// that without the product, and at all that a command says for a secret.
package drive

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/test/leak"
)

// Answer is what a command came to.
type Answer struct {
	Result deploy.Result
	Exit   int
	Stdout []byte
	Stderr string
}

// Command is a controller command, JSON asked for.
func (w *World) Command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return w.Controller.Command(t.Context(), append([]string{"-o", "json"}, args...)...)
}

// Run runs a controller command to its end.
func (w *World) Run(t *testing.T, args ...string) Answer {
	t.Helper()
	return w.Finish(t, w.Command(t, args...))
}

// Finish runs a command that a test has prepared to its end.
func (w *World) Finish(t *testing.T, cmd *exec.Cmd) Answer {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	a := Answer{Exit: cmd.ProcessState.ExitCode(), Stdout: stdout.Bytes(), Stderr: stderr.String()}
	if a.Exit >= 0 {
		if err := json.Unmarshal(a.Stdout, &a.Result); err != nil && len(a.Stdout) > 0 && a.Stdout[0] == '{' {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, a.Stdout)
		}
	}
	w.noSecret(t, a)
	return a
}

// DeployNow deploys a commit of a service live.
func (w *World) DeployNow(t *testing.T, service, commit string, flags ...string) Answer {
	t.Helper()
	return w.Run(t, append([]string{"artifact-registry", "deploy-service", "--service", service, "--commit", commit, "--run-now"}, flags...)...)
}

// Want checks decision, reason and exit code, and what every failure owes.
func (a Answer) Want(t *testing.T, decision deploy.Decision, reason fault.Reason, exit int) {
	t.Helper()
	var got fault.Reason
	if f := a.Result.Failure; f != nil {
		got = f.Reason
		if f.Step == "" || f.Message == "" || f.Next == "" {
			t.Errorf("failure without step, message or next command: %+v", f)
		}
	}
	if a.Result.Decision != decision || got != reason || a.Exit != exit {
		t.Fatalf("decided %s (%s), exit %d; want %s (%s), exit %d\nstdout: %s\nstderr: %s",
			a.Result.Decision, got, a.Exit, decision, reason, exit, a.Stdout, a.Stderr)
	}
}

// Exits checks only the exit code.
func (a Answer) Exits(t *testing.T, code int) {
	t.Helper()
	if a.Exit != code {
		t.Fatalf("exit %d, want %d\nstdout: %s\nstderr: %s", a.Exit, code, a.Stdout, a.Stderr)
	}
}

// noSecret looks for the env file's secrets in everything that a command said.
func (w *World) noSecret(t *testing.T, a Answer) {
	t.Helper()
	secrets, err := os.ReadFile(w.Master.EnvFile)
	if err != nil {
		return // moved away by the test
	}
	var planted []leak.Secret
	for line := range strings.Lines(string(secrets)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		if !ok || len(value) < 6 || strings.Contains(key, "_DEPLOY_") || strings.HasPrefix(key, "#") {
			continue
		}
		planted = append(planted, leak.Known(key, value))
	}
	detector := leak.NewDetector(planted...)
	detector.Search("stdout", a.Stdout)
	detector.Search("stderr", []byte(a.Stderr))
	findings, _ := detector.Found()
	for _, finding := range findings {
		t.Errorf("a secret was told on %s", finding)
	}
}

// Must ends the test at an error that it is not about.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
