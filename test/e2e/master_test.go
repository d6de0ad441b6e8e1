//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Where things are on the master.
const (
	root    = "/srv/unidesk"
	envFile = root + "/.state/docker-compose.env"
	state   = "/var/lib/unidesk"
)

// destinations are the ways in to D601 that the master is configured for; each has
// a folder of configuration of its own, D601 the usual one.
func destinations() map[string]string {
	return map[string]string{
		"/etc/unidesk":         "D601",
		"/etc/unidesk-ro":      "D601-ro",
		"/etc/unidesk-norole":  noRole + "@D601",
		"/etc/unidesk-outside": outside + "@D601",
		administrator:          "D601-admin",
	}
}

func (w *world) furnishMaster(ctx context.Context) error {
	sample := func(name string) string { return filepath.Join(repo, "sample", name) }
	files := []file{
		{path: "/usr/bin/unidesk-controller", from: filepath.Join(w.dir, "unidesk-controller"), mode: 0o755},
		{path: "/root/unidesk-agent", from: filepath.Join(w.dir, "unidesk-agent"), mode: 0o755},
		{path: root + "/docker-compose.yml", from: sample("compose.yaml")},
		{path: root + "/config.json", from: sample("config.json"), mode: 0o600},
		{path: envFile, from: sample("env.example"), mode: 0o600},
	}
	for dir, destination := range destinations() {
		files = append(files, file{path: dir + "/controller.yaml", text: controllerConfig(destination)})
	}
	return put(ctx, w.Master, files...)
}

// controllerConfig is a controller.yaml whose D601 is behind an ssh destination.
func controllerConfig(destination string) string {
	return fmt.Sprintf("version: 1\nstate: %s\nhosts:\n  D601:\n    ssh:\n      destination: %s\nmaster:\n  root: %s\n", state, destination, root)
}

// docker runs on the master, with nothing of the product between.
func docker(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := two.Master.Output(t.Context(), append([]string{"docker"}, args...)...)
	return strings.TrimSpace(out), err
}

func inspect(t *testing.T, container, template string) string {
	t.Helper()
	out, err := docker(t, "inspect", "--type", "container", "--format", template, container)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// lives checks, without the product, that a service is a commit: by its label, by
// the id of its image as the registry has it, and by its own word.
func lives(t *testing.T, service, commit string) {
	t.Helper()
	container := containers()[service]
	got := inspect(t, container.name, `{{index .Config.Labels "org.opencontainers.image.revision"}} {{.State.Running}} {{.Image}}`)
	if want := commit + " true " + configOf(t, service, commit); got != want {
		t.Errorf("%s runs %q, want %q", service, got, want)
	}
	ip := inspect(t, container.name, `{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}`)
	var health string
	eventually(t, 15*time.Second, service+" answers", func() (err error) {
		health, err = two.Master.Output(t.Context(), "curl", "--fail", "--silent", "--max-time", "2", "http://"+ip+container.health)
		return err
	})
	if service != "todo-note" && (!strings.Contains(health, `"commit":"`+commit+`"`) || !strings.Contains(health, `"ok":true`)) {
		t.Errorf("%s answers %s, want commit %s", service, health, commit)
	}
}

// container is a service's, as the sample's compose.yaml has it.
type container struct{ name, health string }

func containers() map[string]container {
	return map[string]container{
		"baidu-netdisk":   {"baidu-netdisk-backend", ":4244/health"},
		"project-manager": {"project-manager-backend", ":4233/health"},
		"todo-note":       {"todo-note-backend", ":4211/api/health"},
	}
}

// configOf is the digest of an image's config: the image's id on a classic store.
func configOf(t *testing.T, service, commit string) string {
	t.Helper()
	image := imageOf(t, service, commit)
	name, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return name.String()
}

// readMaster reads a file of the master from outside.
func readMaster(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(two.Master.Root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// spooled is how many bytes of layers lie in the master's spool.
func spooled() (n int64) {
	entries, _ := os.ReadDir(filepath.Join(two.Master.Root, state, "spool"))
	for _, e := range entries {
		hex, _, _ := strings.Cut(e.Name(), ".")
		if _, err := artifact.ParseDigest("sha256:" + hex); err != nil {
			continue
		}
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}
