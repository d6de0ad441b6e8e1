//go:build integration

package canary

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// types types a line as it was printed: a shell splits it, and finds the program by its name.
func types(t *testing.T, line string) (exit int, said string) {
	t.Helper()
	dir := t.TempDir()
	drive.Must(t, os.Symlink(world.Controller.Program, filepath.Join(dir, "unidesk-controller")))
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Env, cmd.Dir = append(world.Controller.Env(), "PATH="+dir+":"+os.Getenv("PATH")), dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// linesIn are the lines of this program in a hint or a fix.
func linesIn(text string) (lines []string) {
	for _, m := range regexp.MustCompile("(?m)(?:^|`|: )(unidesk-controller [^`\n]*)").FindAllStringSubmatch(text, -1) {
		lines = append(lines, m[1])
	}
	return lines
}

// killedInTheProof kills a deploy of a version that is never healthy.
func killedInTheProof(t *testing.T, service string) {
	t.Helper()
	cmd := world.Command(t, "artifact-registry", "deploy-service", "--service", service, "--commit", world.Release(t, service, lab.Change{Behaviour: "never-healthy"}), "--run-now")
	said, err := cmd.StderrPipe()
	drive.Must(t, err)
	drive.Must(t, cmd.Start())
	reached := false
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if !reached && strings.Contains(lines.Text(), " prove ") {
			reached = true
			drive.Must(t, cmd.Process.Kill())
		}
	}
	if err := cmd.Wait(); err == nil || !reached {
		t.Fatalf("it was not killed in the proof: %v", err)
	}
}

// Each failure names lines to type. Each is taken as it is printed, and what is a way
// out leads out.
func TestWhatAFailureNamesIsTypedAsItIs(t *testing.T) {
	const service = "oa-event-flow"
	old := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, old).Want(t, contract.DecidedSucceeded, "", 0)
	deploy := func(commit string, more ...string) []string {
		return append([]string{"artifact-registry", "deploy-service", "--service", service, "--commit", commit}, more...)
	}
	none := strings.Repeat("a", 40)
	next := world.Release(t, service, lab.Change{})
	registry := func() (undo func()) {
		drive.Must(t, world.Registry.Stop())
		return func() { drive.Must(t, world.Registry.Start(t.Context())) }
	}
	host := func() (undo func()) {
		drive.Must(t, world.SSH.Stop())
		return func() { drive.Must(t, world.SSH.Start(t.Context())) }
	}
	catalog := func() (undo func()) {
		return drive.EditFile(t, filepath.Join(world.Controller.Config, "services.yaml"), func(s string) string { return s + "surprise: 1\n" })
	}
	nothing := func() (undo func()) { return func() {} }
	for _, c := range []struct {
		name    string
		spoil   func() (undo func())
		args    []string
		reason  fault.Reason
		exit    int // of the next line, while all is as the failure found it
		wayOut  bool
		mending string // what is in a line of its hint
	}{
		{name: "no such service", spoil: nothing, args: []string{"verify", "--service", "nope"}, reason: fault.UnknownService, mending: "services"},
		{name: "no full commit", spoil: nothing, args: deploy("abc"), reason: fault.CommitNotPinned},
		{name: "no such commit", spoil: nothing, args: deploy(none, "--run-now"), reason: fault.ArtifactNotFound},
		{name: "no such receipt", spoil: nothing, args: []string{"history", "show", "20260101T000000Z-1"}, reason: fault.ReceiptNotFound, mending: "history"},
		{name: "a broken catalog", spoil: catalog, args: deploy(next), reason: fault.ConfigInvalid, exit: 1},
		{name: "the registry down", spoil: registry, args: deploy(next, "--run-now"), reason: fault.RegistryUnavailable, exit: 1, mending: "artifact-registry health"},
		{name: "the host down", spoil: host, args: deploy(next, "--run-now"), reason: fault.HostUnreachable, exit: 1, wayOut: true},
		{name: "a version that is never healthy", spoil: nothing, args: deploy(world.Release(t, service, lab.Change{Behaviour: "never-healthy"}), "--run-now"), reason: fault.NotProven},
		{name: "a killed run", spoil: func() func() { killedInTheProof(t, service); return func() {} }, args: []string{"verify", "--service", service}, reason: fault.ChangePending, wayOut: true, mending: "recover"},
		{name: "an env that has no target", spoil: nothing, args: []string{"artifact-registry", "deploy-service", "--service", "code-queue", "--env", "prod", "--commit", none, "--run-now"}, reason: fault.Unsupported},
		{name: "no grant", spoil: nothing, args: []string{"artifact-registry", "deploy-service", "--service", "code-queue-mgr", "--commit", none, "--run-now"}, reason: fault.SupervisorRequired, exit: 3},
		{name: "the wrong entry", spoil: nothing, args: []string{"artifact-registry", "deploy-service", "--service", "backend-core", "--commit", none, "--run-now"}, reason: fault.UseDeployApply, exit: 3},
	} {
		undo := c.spoil()
		a := world.Run(t, c.args...)
		f := a.Result.Failure
		if f == nil || f.Reason != c.reason {
			undo()
			t.Errorf("%s: %s", c.name, a.Stdout)
			continue
		}
		hints := linesIn(f.Hint)
		for _, line := range hints {
			if exit, said := types(t, line); exit == 2 || exit > 4 {
				t.Errorf("%s: %s: exit %d\n%s", c.name, line, exit, said)
			}
		}
		if !strings.Contains(strings.Join(hints, "\n"), c.mending) {
			t.Errorf("%s: %q is not in %q", c.name, c.mending, f.Hint)
		}
		exit, said := 0, ""
		if !c.wayOut || c.exit != 0 {
			if exit, said = types(t, f.Next.String()); exit != c.exit {
				t.Errorf("%s: %s: exit %d, want %d\n%s", c.name, f.Next, exit, c.exit, said)
			}
		}
		undo()
		if c.wayOut {
			if exit, said := types(t, f.Next.String()); exit != 0 {
				t.Errorf("%s: %s does not lead out: exit %d\n%s", c.name, f.Next, exit, said)
			}
		}
	}
	if a := world.Run(t, "verify", "--service", service); a.Exit != 0 {
		t.Errorf("in the end: exit %d, %s", a.Exit, a.Stdout)
	}
}

// The fixes of doctor are typed, too.
func TestWhatDoctorNamesIsTypedAsItIs(t *testing.T) {
	drive.Must(t, world.Registry.Stop())
	undo := drive.EditFile(t, filepath.Join(world.Controller.Config, "services.yaml"), func(s string) string {
		return strings.Replace(s, "registry: "+world.Registry.Addr, "registry: 127.0.0.1:1", 1)
	})
	a := world.Run(t, "doctor")
	undo()
	drive.Must(t, world.Registry.Start(t.Context()))
	var d struct {
		Findings []struct{ Check, Level, What, Fix string }
	}
	drive.Must(t, json.Unmarshal(a.Stdout, &d))
	typed, named := 0, false
	for _, f := range d.Findings {
		named = named || f.Check == "registry's name" && f.Level == "warning" && strings.Contains(f.What, "agent.yaml of D601 names "+world.Registry.Addr) && f.Fix != ""
		for _, line := range linesIn(f.Fix) {
			if strings.Contains(line, "host bootstrap") {
				line += " --dry-run"
			}
			if strings.HasSuffix(line, " watch") {
				line += " --help" // it runs until it is stopped
			}
			typed++
			if exit, said := types(t, line); exit == 2 || exit > 4 {
				t.Errorf("%s: %s: exit %d\n%s", f.Check, line, exit, said)
			}
		}
	}
	if typed < 2 || !named {
		t.Errorf("%d lines, the registry's names printed: %t: %s", typed, named, a.Stdout)
	}
}

// The plan names a registry of two names.
func TestARegistryOfTwoNamesIsToldByThePlan(t *testing.T) {
	const service = "frontend"
	commit := world.Release(t, service, lab.Change{})
	told := func(file, from, to string) string {
		undo := func() {}
		if file != "" {
			undo = drive.EditFile(t, filepath.Join(world.Controller.Config, file), func(s string) string { return strings.ReplaceAll(s, from, to) })
		}
		a := world.Run(t, "artifact-registry", "deploy-service", "--service", service, "--commit", commit)
		undo()
		a.Want(t, contract.DecidedReady, "", 0)
		for _, check := range a.Result.Plan.Checks {
			if check.Name == "registry" && check.OK && check.Warning && check.Fix != "" {
				return check.Detail
			}
		}
		return ""
	}
	if got := told("", "", ""); got != "" {
		t.Errorf("of one name: %s", got)
	}
	if got := told("services.yaml", world.Registry.Addr, "127.0.0.1:1"); !strings.Contains(got, "services.yaml names 127.0.0.1:1") || !strings.Contains(got, "agent.yaml of D601 names "+world.Registry.Addr) {
		t.Errorf("another in the catalog: %q", got)
	}
	if got := told("controller.yaml", `"`+world.Registry.Addr+`"`, `"127.0.0.1:1"`); !strings.Contains(got, "controller.yaml names 127.0.0.1:1") || strings.Contains(got, "agent.yaml") {
		t.Errorf("another in the settings: %q", got)
	}
}
