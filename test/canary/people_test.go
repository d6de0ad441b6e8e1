//go:build integration

package canary

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// wayBack is what is read of rollback's answer.
type wayBack struct {
	OK         bool
	Running    workload.Running
	Candidates []struct {
		Commit, Registry, Command, Why string
		Digest, DigestNow              string
		Runs, InEngine                 bool
		BytesToSend                    *int64
	}
}

// rollback asks for the ways back. Other tests may have left some of the same service.
func rollback(t *testing.T, service string) (w wayBack) {
	t.Helper()
	a := world.Run(t, "rollback", "--service", service)
	drive.Must(t, json.Unmarshal(a.Stdout, &w))
	a.Exits(t, map[bool]int{true: 0, false: 1}[w.OK])
	return w
}

// What rollback prints goes back; a tag that was moved since is no way back.
func TestTheWayBackIsACommandThatWorks(t *testing.T) {
	const service = "frontend"
	first, newer := world.Release(t, service, lab.Change{}), drive.Release(t, world.CI, service, lab.Change{})
	second := newer.SourceCommit
	world.DeployNow(t, service, first).Want(t, contract.DecidedSucceeded, "", 0)
	world.DeployNow(t, service, second).Want(t, contract.DecidedSucceeded, "", 0)
	before := files(t, world.Controller.State)
	w := rollback(t, service)
	if after := files(t, world.Controller.State); !slices.Equal(after, before) {
		t.Errorf("rollback left %v, before it %v", after, before)
	}
	if !w.OK || w.Running.Commit != second || len(w.Candidates) < 2 {
		t.Fatalf("%+v", w)
	}
	if c := w.Candidates[0]; c.Commit != second || !c.Runs || c.Command != "" {
		t.Errorf("what runs: %+v", c)
	}
	c := w.Candidates[1]
	if c.Commit != first || c.Registry != "same" || !c.InEngine || c.BytesToSend == nil || *c.BytesToSend != 0 {
		t.Fatalf("the first one: %+v", c)
	}
	world.Run(t, strings.Fields(strings.TrimPrefix(c.Command, "unidesk-controller "))...).Want(t, contract.DecidedSucceeded, "", 0)
	world.Lives(t, service, first)

	_, err := world.CI.PushLabelled(t.Context(), newer, second, map[string]string{"built": "anew"})
	drive.Must(t, err)
	w = rollback(t, service)
	if c := w.Candidates[1]; c.Commit != second || c.Registry != "moved" || c.Command != "" || c.Why == "" {
		t.Errorf("the tag that was moved: %+v", c)
	}
	moved := w.Candidates[1].DigestNow
	deploy := []string{"artifact-registry", "deploy-service", "--service", service, "--commit", second}
	for _, more := range [][]string{nil, {"--run-now"}, {"--run-now", "--digest", w.Candidates[1].Digest}} {
		a := world.Run(t, append(slices.Clone(deploy), more...)...)
		a.Want(t, contract.DecidedBlocked, fault.TagMoved, 3)
		if text := a.Result.Failure.Message; !strings.Contains(text, moved) || !strings.Contains(text, w.Candidates[1].Digest) {
			t.Errorf("%v: both digests are not in: %s", more, text)
		}
	}
	world.Lives(t, service, first)
	a := world.Run(t, append(deploy, "--run-now", "--digest", moved)...)
	a.Want(t, contract.DecidedSucceeded, "", 0)
	if a.Result.Receipt.Image.Named.String() != moved || a.Result.Receipt.Image.Manifest.String() != moved {
		t.Errorf("the receipt: %+v", a.Result.Receipt.Image)
	}
	world.DeployNow(t, service, first).Want(t, contract.DecidedSucceeded, "", 0)

	drive.Must(t, world.SSH.Stop())
	w = rollback(t, service)
	drive.Must(t, world.SSH.Start(t.Context()))
	// It goes by the receipt of success, and by the image that the engine has.
	if c := w.Candidates[1]; c.Registry != "unknown" || !c.InEngine || c.Digest != moved || c.Command == "" {
		t.Errorf("with the host down: %+v", c)
	}
}

// files are the names of all that is in a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	drive.Must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	}))
	return names
}

// doctor returns the levels of what it finds not well.
func doctor(t *testing.T) map[string]string {
	t.Helper()
	a := world.Run(t, "doctor")
	var d struct {
		Findings []struct{ Group, Check, Level, What, Fix string }
	}
	drive.Must(t, json.Unmarshal(a.Stdout, &d))
	wrong := map[string]string{}
	for _, f := range d.Findings {
		if f.Level != "ok" {
			wrong[f.Check] = f.Level
			if f.Fix == "" {
				t.Errorf("no fix: %+v", f)
			}
		}
	}
	return wrong
}

func TestTheDoctorFindsWhatIsBroken(t *testing.T) {
	before := files(t, world.Controller.State)
	sound := doctor(t)
	if after := files(t, world.Controller.State); !slices.Equal(after, before) {
		t.Errorf("the doctor left %v, before it %v", after, before)
	}
	// Nothing in this world manages its registry, no watch runs, its D601 has no
	// Kubernetes for the catalog's services there, and the rest is well.
	if diff := cmp.Diff(map[string]string{"registry's health": "warning", "watch": "warning", "capabilities": "fault"}, sound); diff != "" {
		t.Errorf("a sound world: %s", diff)
	}
	for name, c := range map[string]struct {
		spoil        func() (undo func())
		check, level string
	}{
		"an env file for everybody": {func() func() {
			drive.Must(t, os.Chmod(world.Master.EnvFile, 0o644))
			return func() { drive.Must(t, os.Chmod(world.Master.EnvFile, 0o600)) }
		}, "env file", "warning"},
		"a secret that is missing": {func() func() {
			return drive.EditFile(t, world.Master.EnvFile, func(s string) string { return strings.Replace(s, "_NETDISK_TOKEN_KEY=", "_NETDISK_OTHER=", 1) })
		}, "secrets of baidu-netdisk", "fault"},
		"a Compose file that cannot be read": {func() func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string { return s + "\n  : : nonsense\n" })
		}, "project " + world.Master.Project, "fault"},
		"the registry down": {func() func() {
			drive.Must(t, world.Registry.Stop())
			return func() { drive.Must(t, world.Registry.Start(t.Context())) }
		}, "registry", "fault"},
		"a service that the host has not placed": {func() func() {
			undo := drive.EditFile(t, world.Agent.Config, func(s string) string {
				return regexp.MustCompile(`(services:\n\s+)pipeline:`).ReplaceAllString(s, "${1}another:")
			})
			restart := func() { drive.Must(t, errors.Join(world.Agent.Stop(), world.Agent.Start(t.Context()))) }
			restart()
			return func() { undo(); restart() }
		}, "service pipeline", "fault"},
		"the host down": {func() func() {
			drive.Must(t, world.SSH.Stop())
			return func() { drive.Must(t, world.SSH.Start(t.Context())) }
		}, "agent", "fault"},
		"a relay that changes bytes": {func() func() {
			settings := world.Settings(lab.Options{})
			script := filepath.Join(t.TempDir(), "relay.sh")
			drive.Must(t, os.WriteFile(script, []byte(strings.Join(settings.Command, " ")+" | stdbuf -i0 -o0 tr '\\376' '\\357'\n"), 0o600))
			settings.Command = []string{"sh", script}
			drive.Must(t, world.Configure(settings))
			return func() {
				drive.Must(t, world.Configure(world.Settings(lab.Options{})))
				drive.Must(t, world.Hurry())
			}
		}, "path", "fault"},
	} {
		undo := c.spoil()
		got := doctor(t)
		undo()
		if got[c.check] != c.level {
			t.Errorf("%s: %s is %q, want %q (%v)", name, c.check, got[c.check], c.level, got)
		}
	}
}

func TestLogsAreTheContainersLastLines(t *testing.T) {
	const service = "frontend"
	commit := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, commit).Want(t, contract.DecidedSucceeded, "", 0)
	a := world.Run(t, "logs", "--service", service, "--lines", "1")
	a.Exits(t, 0)
	var got struct {
		Container string
		Runs      bool
		Lines     []string
	}
	drive.Must(t, json.Unmarshal(a.Stdout, &got))
	if got.Container != world.Master.Container(service) || !got.Runs || len(got.Lines) != 1 || !strings.Contains(got.Lines[0], "listening") {
		t.Errorf("%+v", got)
	}
}
