package agent

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

func TestConfigIsStrict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no version":           {"socket: /run/s", "version"},
		"another version":      {"version: 2", "this agent knows 1"},
		"an unknown key":       {"version: 1\nregisty: http://127.0.0.1:5000", "registy"},
		"an unknown role":      {"version: 1\nroles: {write: [0]}", "write"},
		"a key twice":          {"version: 1\nversion: 1", "version"},
		"a relative socket":    {"version: 1\nsocket: s", "socket"},
		"an abstract socket":   {"version: 1\nsocket: '@s'", "socket"},
		"a relative engine":    {"version: 1\ndocker: tcp://1.2.3.4", "docker"},
		"a registry elsewhere": {"version: 1\nregistry: http://10.0.0.1:5000", "loopback"},
		"a relative root":      {"version: 1\ndocker: /d\nregistryRoots: [srv]", "registryRoots"},
		"an unclean root":      {"version: 1\ndocker: /d\nregistryRoots: [/srv/../etc]", "registryRoots"},
		"all of the host":      {"version: 1\ndocker: /d\nregistryRoots: [/]", "registryRoots"},
		"roots, no engine":     {"version: 1\nregistryRoots: [/srv]", "needs an engine"},
		"an unknown account":   {"version: 1\nroles: {read: [no-such-account]}", "no-such-account"},
		"an account twice":     {"version: 1\nroles: {read: [7], operate: ['7']}", "role read already"},
		"nothing":              {"", "no documents"},
		"too much":             {"version: 1 #" + strings.Repeat("x", maxConfig), "longer"},
		"a relative project":   {projectYAML("root: srv, files: [a], envFile: /e, services: [s]"), "projects.p: the Compose project's folder"},
		"no Compose file":      {projectYAML("root: /srv, envFile: /e, services: [s]"), "no Compose file"},
		"a relative env file":  {projectYAML("root: /srv, files: [a], envFile: e, services: [s]"), "env file"},
		"no service":           {projectYAML("root: /srv, files: [a], envFile: /e"), "projects.p.services: none"},
		"a service twice":      {projectYAML("root: /srv, files: [a], envFile: /e, services: [s, s]"), "twice"},
		"a hostile service":    {projectYAML("root: /srv, files: [a], envFile: /e, services: [--all]"), "not a service's name"},
		"a project's key":      {projectYAML("root: /srv, files: [a], envfile: /e, services: [s]"), "envfile"},
		"a project's name":     {strings.Replace(projectYAML("root: /srv, files: [a], envFile: /e, services: [s]"), " p:", " ../p:", 1), "not a Compose project name"},
		"a project, no engine": {"version: 1\nregistry: http://127.0.0.1:5000\nprojects: {p: {root: /srv, files: [a], envFile: /e, services: [s]}}", "docker and registry"},
		"a project, no images": {"version: 1\ndocker: /run/docker.sock\nprojects: {p: {root: /srv, files: [a], envFile: /e, services: [s]}}", "docker and registry"},
	} {
		if _, err := Load(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Load(strings.NewReader("version: 3\nsocket: x\nregistry: y"))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not all faults at once: %v", err)
	}
}

func projectYAML(keys string) string {
	return "version: 1\nregistry: http://127.0.0.1:5000\ndocker: /run/docker.sock\nprojects:\n  p: {" + keys + "}"
}

func TestTheExampleIsValidAndShowsEveryKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "agent.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Its accounts are those of a real host.
	text := strings.NewReplacer("unidesk-ro", "1001", "unidesk-deploy", "1002").Replace(string(b))
	c, err := Load(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := yaml.Load(b, &keys); err != nil {
		t.Fatal(err)
	}
	for f := range reflect.TypeFor[Config]().Fields() {
		if _, ok := keys[f.Tag.Get("yaml")]; !ok {
			t.Errorf("%s does not show %s", path, f.Tag.Get("yaml"))
		}
	}
	if c.Socket != DefaultSocket || c.State != defaultState {
		t.Errorf("the example's defaults are not the agent's: %+v", c)
	}
	// Who copies it can deploy what the built-in catalog brings live here.
	services, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	placed := 0
	for _, id := range services.Services() {
		row, err := services.Row(id.String())
		if err != nil {
			t.Fatal(err)
		}
		e := row.Environment(catalog.Prod)
		if e.Mode != catalog.Live || e.Target.Host != "D601" || e.Target.Compose == nil {
			continue
		}
		if at := e.Target.Compose; slices.Contains(c.Projects[at.Project].Services, at.Service) {
			placed++
		} else {
			t.Errorf("%s does not place %s", path, id)
		}
	}
	if placed == 0 {
		t.Error("the catalog brings nothing live on D601")
	}
}

func TestRolesAreResolvedAndRootIsAdmin(t *testing.T) {
	t.Parallel()
	got, err := newRoles(Roles{Read: []string{"nobody", "1001"}, Operate: []string{"1002"}, Admin: []string{"1003"}})
	want := roles{0: rpc.RoleAdmin, 65534: rpc.RoleRead, 1001: rpc.RoleRead, 1002: rpc.RoleOperate, 1003: rpc.RoleAdmin}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if got[1004] != rpc.RoleNone {
		t.Error("an account that is not listed has a role")
	}
	if got, err := newRoles(Roles{Read: []string{"0"}}); err != nil || got[0] != rpc.RoleAdmin {
		t.Errorf("root listed as read: %v, %v", got, err)
	}
}

func TestTheSocketIsForItsFoldersGroup(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	path := filepath.Join(dir, "agent.sock")
	mode := func(path string) fs.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	l, err := listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if mode(dir) != 0o750 || mode(path) != 0o660 {
		t.Errorf("folder %o, socket %o", mode(dir), mode(path))
	}
	if _, err := listen(t.Context(), path); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("a second agent: %v", err)
	}
	// A killed agent leaves its socket behind.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
	if l, err = listen(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(t.Context(), path); err == nil {
		t.Error("took the place of a file")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Error("a file was removed")
	}
	if os.Getuid() != 0 {
		return
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 0, 65534); err != nil {
		t.Fatal(err)
	}
	if l, err = listen(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if gid := gidOf(t, path); gid != 65534 {
		t.Errorf("socket's group is %d", gid)
	}
}
