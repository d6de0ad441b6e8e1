package doctor

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

// The disks of the engine and of the spool are among the findings.
func TestTheDisksOfTheMasterAreLookedAt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	docker := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch filepath.Base(r.URL.Path) {
		case "_ping":
			w.Header().Set("Api-Version", "1.41")
		case "version":
			_, _ = io.WriteString(w, `{"Version":"29.0.0","ApiVersion":"1.41"}`)
		case "info":
			_, _ = io.WriteString(w, `{"DockerRootDir":"`+dir+`"}`)
		default:
			http.Error(w, `{"message":"none"}`, http.StatusNotFound)
		}
	}))
	docker.Listener = l
	docker.Start()
	t.Cleanup(docker.Close)
	found := examineMaster(t.Context(), site.Config{State: filepath.Join(dir, "state"), Master: site.Master{Root: dir, Docker: "unix://" + socket}}, must(catalog.Builtin()))
	for check, says := range map[string]string{"engine's disk": "free", "spool's disk": filepath.Join(dir, "state")} {
		if i := slices.IndexFunc(found, func(f Finding) bool { return f.Check == check }); i < 0 || !strings.Contains(found[i].What, says) {
			t.Errorf("%s: want %q in %+v", check, says, found)
		}
	}
}

// What a deploy would stumble over in the master's own folder is found by looking at it.
func TestWhatADeployStumblesOverOnTheMasterIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root := filepath.Join(dir, "unidesk")
	env := filepath.Join(root, "env")
	for path, content := range map[string]string{
		"etc/controller.yaml": "version: 1\nstate: " + dir + "/state\nhosts: {D601: {socket: /nonexistent/agent.sock}}\n" +
			"master: {root: " + root + ", composeFiles: [docker-compose.yml], docker: unix:///nonexistent/docker.sock}\n",
		"unidesk/config.json":                 `{"providerGateway":{"upgrade":{"composeEnvFile":"env"}}}`,
		"unidesk/env":                         "A=1\n",
		"unidesk/docker-compose.yml":          "services: {}\n",
		"unidesk/docker-compose.override.yml": "services: {}\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700), os.WriteFile(filepath.Join(dir, path), []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		if err := os.Chown(filepath.Join(root, "docker-compose.yml"), 12345, -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount(env, env, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("NOT TESTED, an env file that cannot be replaced: nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(env, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	found := Examiner{ConfigDir: filepath.Join(dir, "etc")}.Diagnose(t.Context()).Findings
	for _, want := range []struct {
		check string
		level Level
		says  string
	}{
		{"env file", LevelFault, "a file is mounted over it"},
		{"who may write", LevelFault, "docker-compose.yml belongs to uid 12345"},
		{"Compose files by hand", LevelWarning, "docker-compose.override.yml"},
	} {
		i := slices.IndexFunc(found, func(f Finding) bool { return f.Check == want.check })
		if i < 0 || found[i].Level != want.level || !strings.Contains(found[i].What, want.says) || found[i].Fix == "" {
			t.Errorf("%s: want %q in %+v", want.check, want.says, found)
		}
	}
}
