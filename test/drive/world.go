//go:build integration

package drive

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// World is a lab whose tests share it: those that run at the same time use
// services of their own.
type World struct{ *lab.World }

// Main starts a world, runs a package's tests in it and returns its exit code.
func Main(tests func(*World) int) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // with cold caches
	defer cancel()
	options := lab.Options{Log: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	if os.Geteuid() == 0 { // an ordinary user starts no engine, shares the machine's, and needs go test -p 1
		// On an engine that they share, each world's deploys would see the others'
		// containers come and go, and report it.
		options.Socket = os.DevNull
	}
	l, err := lab.Start(ctx, options)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	w := &World{l}
	if err := w.Hurry(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := tests(w)
	if err := w.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Hurry shortens the proof's times: what is tried here does not depend on them.
func (w *World) Hurry() error {
	path := filepath.Join(w.Controller.Config, "services.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	quick := strings.NewReplacer("stable: 5s", "stable: 1s", "timeout: 60s", "timeout: 9s").Replace(string(content))
	return os.WriteFile(path, []byte(quick), 0o600)
}

// Release publishes a new commit of a service.
func (w *World) Release(t *testing.T, service string, change lab.Change) string {
	t.Helper()
	return Release(t, w.CI, service, change).SourceCommit
}

// ReleaseDamaged publishes a commit and spoils a layer of it on the registry's disk.
func (w *World) ReleaseDamaged(t *testing.T, service string) string {
	t.Helper()
	good, err := w.CI.Release(t.Context(), service, lab.Change{
		Behaviour: "ok", Layers: []lab.Layer{{Name: "spoilt", Size: 1 << 20, Noise: 90, Seed: 4711}},
	})
	Must(t, err)
	image, err := w.CI.Image(t.Context(), good)
	Must(t, err)
	manifest, err := image.Manifest()
	Must(t, err)
	largest := slices.MaxFunc(manifest.Layers, func(a, b v1.Descriptor) int { return cmp.Compare(a.Size, b.Size) })
	Must(t, w.Registry.Corrupt(largest.Digest.String()))
	return good.SourceCommit
}

// Lives checks, without the product, which commit a service's container is.
func (w *World) Lives(t *testing.T, service, commit string) {
	t.Helper()
	label, err := w.Master.Inspect(t.Context(), service, `{{index .Config.Labels "org.opencontainers.image.revision"}}`)
	if err != nil || label != commit {
		t.Errorf("%s runs %q (%v), want %s", service, label, err, commit)
	}
	if service == "todo-note" {
		return
	}
	if got, err := w.Master.LiveCommit(t.Context(), service); err != nil || got != commit {
		t.Errorf("%s answers %q (%v), want %s", service, got, err, commit)
	}
}

// EnvFile is what stands in the env file.
func (w *World) EnvFile(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(w.Master.EnvFile)
	Must(t, err)
	return string(b)
}

// EnvLines are the deploy keys of a service in the env file, as they stand there.
func (w *World) EnvLines(t *testing.T, service string) string {
	t.Helper()
	prefix := "UNIDESK_" + strings.ToUpper(strings.ReplaceAll(service, "-", "_")) + "_DEPLOY_"
	var lines strings.Builder
	for line := range strings.Lines(w.EnvFile(t)) {
		if strings.HasPrefix(line, prefix) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// Clean checks that nothing half done is left of a service.
func (w *World) Clean(t *testing.T, service string) {
	t.Helper()
	out, err := w.Engine.Docker(t.Context(), "ps", "--all", "--format", "{{.Names}}")
	Must(t, err)
	for _, name := range strings.Fields(out) {
		if strings.HasSuffix(name, "_"+w.Master.Container(service)) {
			t.Errorf("leftover container %s", name)
		}
	}
	left, err := filepath.Glob(filepath.Join(w.Controller.State, "ledger", "*", service, "*.pending.json"))
	if err != nil || len(left) > 0 {
		t.Errorf("pending receipts %v (%v)", left, err)
	}
}

// EditFile changes a file's text, and returns how to make it what it was.
func EditFile(t *testing.T, path string, change func(string) string) (undo func()) {
	t.Helper()
	before, err := os.ReadFile(path)
	Must(t, err)
	after := change(string(before))
	if after == string(before) {
		t.Fatalf("the edit of %s changed nothing", path)
	}
	Must(t, os.WriteFile(path, []byte(after), 0o600))
	return func() {
		t.Helper()
		Must(t, os.WriteFile(path, before, 0o600))
	}
}
