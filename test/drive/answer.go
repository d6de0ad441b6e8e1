//go:build integration || e2e

// Package drive is what the packages beside it share, which try the product in a world
// of package lab: each starts a world of its own, so that they run side by side, and
// drives the controller in it as an operator does. It looks at what came of that
// without the product, and searches all that a command prints for a secret.
package drive

import (
	"cmp"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/schema"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/schema/schematest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// Answer is what a command came to.
type Answer struct {
	Result contract.Result
	Exit   int
	Stdout []byte
	Stderr string
}

// Ended is the answer of a command that ran to its end, with err. JSON that does not fit the
// schema of the command fails the test.
func Ended(t *testing.T, cmd *exec.Cmd, err error, stdout []byte, stderr string) Answer {
	t.Helper()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr)
	}
	a := Answer{Exit: cmd.ProcessState.ExitCode(), Stdout: stdout, Stderr: stderr}
	if a.Exit >= 0 && len(stdout) > 0 && stdout[0] == '{' {
		if err := json.Unmarshal(stdout, &a.Result); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, stdout)
		}
		if err := schematest.Check(commandIn(cmd.Args), stdout); err != nil {
			t.Errorf("%v: %v", cmd.Args, err)
		}
	}
	return a
}

// commandIn returns the controller's command in a line that may begin with another program. The
// controller refuses what is no command as it refuses any command: version stands for it.
func commandIn(line []string) string {
	words, command := " "+strings.Join(line, " ")+" ", ""
	for _, c := range schema.Commands() {
		if len(c) > len(command) && strings.Contains(words, " "+c+" ") {
			command = c
		}
	}
	return cmp.Or(command, "version")
}

// Want checks decision, reason and exit code, and what every failure owes.
func (a Answer) Want(t *testing.T, decision contract.Decision, reason fault.Reason, exit int) {
	t.Helper()
	var got fault.Reason
	if f := a.Result.Failure; f != nil {
		got = f.Reason
		if f.Step == "" || f.Message == "" || f.Next.IsZero() {
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

// Release publishes a new commit of a service, which behaves unless the change
// describes how it does not.
func Release(t *testing.T, ci *lab.CI, service string, change lab.Change) lab.Summary {
	t.Helper()
	if change.Behaviour == "" {
		change.Behaviour = "ok"
	}
	s, err := ci.Release(t.Context(), service, change)
	Must(t, err)
	return s
}

// Must ends the test at an error that it is not about.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
