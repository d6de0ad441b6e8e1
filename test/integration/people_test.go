//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// wayBack is what is read of rollback's answer.
type wayBack struct {
	OK         bool
	Running    string
	Candidates []struct {
		Commit, Registry, Command, Why string
		Runs, InEngine                 bool
		BytesToSend                    *int64
	}
}

// rollback asks for the ways back. Other tests may have left some of the same service.
func rollback(t *testing.T, service string) (w wayBack) {
	t.Helper()
	a := controller(t, "rollback", "--service", service)
	must(t, json.Unmarshal(a.stdout, &w))
	a.exits(t, map[bool]int{true: 0, false: 1}[w.OK])
	return w
}

// What rollback prints goes back; a tag that was moved since is no way back.
func TestTheWayBackIsACommandThatWorks(t *testing.T) {
	const service = "frontend"
	first, second := release(t, service, lab.Change{}), release(t, service, lab.Change{})
	deployNow(t, service, first).want(t, deploy.DecidedSucceeded, "", 0)
	deployNow(t, service, second).want(t, deploy.DecidedSucceeded, "", 0)
	before := files(t, world.Controller.State)
	w := rollback(t, service)
	if after := files(t, world.Controller.State); !slices.Equal(after, before) {
		t.Errorf("rollback left %v, before it %v", after, before)
	}
	if !w.OK || w.Running != second || len(w.Candidates) < 2 {
		t.Fatalf("%+v", w)
	}
	if c := w.Candidates[0]; c.Commit != second || !c.Runs || c.Command != "" {
		t.Errorf("what runs: %+v", c)
	}
	c := w.Candidates[1]
	if c.Commit != first || c.Registry != "same" || !c.InEngine || c.BytesToSend == nil || *c.BytesToSend != 0 {
		t.Fatalf("the first one: %+v", c)
	}
	controller(t, strings.Fields(strings.TrimPrefix(c.Command, "unidesk-controller "))...).want(t, deploy.DecidedSucceeded, "", 0)
	lives(t, service, first)

	other, err := world.CI.Release(t.Context(), service, lab.Change{Behaviour: "ok"})
	must(t, err)
	_, err = world.CI.PushLabelled(t.Context(), other, second, map[string]string{"org.opencontainers.image.revision": second})
	must(t, err)
	w = rollback(t, service)
	if c := w.Candidates[1]; c.Commit != second || c.Registry != "moved" || c.Command != "" || c.Why == "" {
		t.Errorf("the tag that was moved: %+v", c)
	}
	must(t, world.SSH.Stop())
	w = rollback(t, service)
	must(t, world.SSH.Start(t.Context()))
	if c := w.Candidates[1]; c.Registry != "unknown" || c.Command != "" {
		t.Errorf("with the host down: %+v", c)
	}
}

// files are the names of all that is in a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	}))
	return names
}

// doctor returns the levels of what it finds not well.
func doctor(t *testing.T) map[string]string {
	t.Helper()
	a := controller(t, "doctor")
	var d struct {
		Findings []struct{ Group, Check, Level, What, Fix string }
	}
	must(t, json.Unmarshal(a.stdout, &d))
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
	for _, check := range []string{"env file", "config.json", "Compose", "engine's disk", "state folder", "path", "agent", "registry", "clock", "role"} {
		if sound[check] != "" {
			t.Errorf("%s is a %s in a sound world", check, sound[check])
		}
	}
	for name, c := range map[string]struct {
		spoil        func() (undo func())
		check, level string
	}{
		"an env file for everybody": {func() func() {
			must(t, os.Chmod(world.Master.EnvFile, 0o644))
			return func() { must(t, os.Chmod(world.Master.EnvFile, 0o600)) }
		}, "env file", "warning"},
		"a secret that is missing": {func() func() {
			return editFile(t, world.Master.EnvFile, func(s string) string { return strings.Replace(s, "_NETDISK_TOKEN_KEY=", "_NETDISK_OTHER=", 1) })
		}, "secrets of baidu-netdisk", "fault"},
		"a Compose file that cannot be read": {func() func() {
			return editFile(t, world.Master.ComposeFile(), func(s string) string { return s + "\n  : : nonsense\n" })
		}, "project " + world.Master.Project, "fault"},
		"the registry down": {func() func() {
			must(t, world.Registry.Stop())
			return func() { must(t, world.Registry.Start(t.Context())) }
		}, "registry", "fault"},
		"the host down": {func() func() {
			must(t, world.SSH.Stop())
			return func() { must(t, world.SSH.Start(t.Context())) }
		}, "agent", "fault"},
		"a relay that changes bytes": {func() func() {
			settings := world.Settings(lab.Options{})
			script := filepath.Join(t.TempDir(), "relay.sh")
			must(t, os.WriteFile(script, []byte(strings.Join(settings.Command, " ")+" | stdbuf -i0 -o0 tr '\\376' '\\357'\n"), 0o600))
			settings.Command = []string{"sh", script}
			must(t, world.Configure(settings))
			return func() {
				must(t, world.Configure(world.Settings(lab.Options{})))
				must(t, hurry())
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
	commit := release(t, service, lab.Change{})
	deployNow(t, service, commit).want(t, deploy.DecidedSucceeded, "", 0)
	a := controller(t, "logs", "--service", service, "--lines", "1")
	a.exits(t, 0)
	var got struct {
		Container string
		Runs      bool
		Lines     []string
	}
	must(t, json.Unmarshal(a.stdout, &got))
	if got.Container != world.Master.Container(service) || !got.Runs || len(got.Lines) != 1 || !strings.Contains(got.Lines[0], "listening") {
		t.Errorf("%+v", got)
	}
}
