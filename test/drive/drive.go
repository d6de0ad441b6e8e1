//go:build integration

package drive

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/test/leak"
)

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
	a := Ended(t, cmd, err, stdout.Bytes(), stderr.String())
	w.noSecret(t, a)
	return a
}

// DeployNow deploys a commit of a service live.
func (w *World) DeployNow(t *testing.T, service, commit string, flags ...string) Answer {
	t.Helper()
	return w.Run(t, append([]string{"artifact-registry", "deploy-service", "--service", service, "--commit", commit, "--run-now"}, flags...)...)
}

// noSecret looks for the env file's secrets in everything that a command printed.
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
		t.Errorf("a secret was printed on %s", finding)
	}
}
