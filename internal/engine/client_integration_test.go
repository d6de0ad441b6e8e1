//go:build integration

package engine_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

const program = `package main
import ("fmt"; "os"; "time")
func main() {
	for i := range 5 { fmt.Println("out", i); fmt.Fprintln(os.Stderr, "err", i); time.Sleep(20*time.Millisecond) }
	if len(os.Args) > 1 { time.Sleep(time.Hour) }
	os.Exit(3)
}`

// runnable is an image of a single program, as an image and as the file of its layer.
func runnable(t *testing.T) (artifact.Image, engine.File) {
	t.Helper()
	dir := t.TempDir()
	check := func(err error) {
		if t.Helper(); err != nil {
			t.Fatal(err)
		}
	}
	check(os.WriteFile(dir+"/main.go", []byte(program), 0o600))
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", dir+"/p", dir+"/main.go")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(dir + "/p")
	check(err)
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "p", Size: int64(len(b)), Mode: 0o755}))
	_, err = w.Write(b)
	check(errors.Join(err, w.Close()))
	d := artifact.DigestOf(layer.Bytes())
	type object = map[string]any
	config, err := json.Marshal(object{
		"os": "linux", "architecture": "amd64", "created": "2026-01-02T03:04:05Z",
		"config": object{"Entrypoint": []string{"/p"}, "Env": []string{"A=b"}, "Labels": object{"unidesk.service": "x"}},
		"rootfs": object{"type": "layers", "diff_ids": []string{d.String()}},
	})
	check(err)
	manifest, err := json.Marshal(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": object{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": artifact.DigestOf(config), "size": len(config)},
		"layers": []object{{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": d, "size": layer.Len()}},
	})
	check(err)
	repo, err := artifact.ParseRepository("unidesk/x")
	check(err)
	img, err := artifact.ParseImage(artifact.Raw{
		Repository: repo, ManifestBytes: manifest, ConfigBytes: config, Manifest: artifact.DigestOf(manifest),
		ManifestMediaType: "application/vnd.oci.image.manifest.v1+json",
	})
	check(err)
	return img, engine.File{Layer: d, Size: int64(layer.Len()), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(layer.Bytes())), nil
	}}
}

func TestARealEngineIsUnderstood(t *testing.T) {
	c, docker := realEngine(t)
	ctx := t.Context()
	info, err := c.Info(ctx)
	if err != nil || info.Platform != (artifact.Platform{OS: "linux", Architecture: "amd64"}) || info.RootDir == "" {
		t.Fatalf("%+v, %v", info, err)
	}
	t.Logf("%+v", info)
	if asked := os.Getenv(lab.EngineVariable); asked != "" {
		major, _, _ := strings.Cut(info.Version, ".")
		if got := major + "-" + string(info.Store); got != asked {
			t.Fatalf("runs on %s, want %s", got, asked)
		}
	}

	img, file := runnable(t)
	id := info.Store.ID(img.Pinned)
	if _, err := c.Image(ctx, id); !errors.Is(err, engine.ErrNotFound) {
		t.Fatalf("absent image: %v", err)
	}
	loaded, err := c.Load(ctx, engine.NewArchive(img, "x:1", file), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(engine.Loaded{References: []string{"x:1"}}, loaded); diff != "" {
		t.Errorf("loaded (-want +got):\n%s", diff)
	}
	got, err := c.Image(ctx, "x:1")
	want := engine.Image{
		Env:         engine.Env{"A=b"},
		RepoDigests: got.RepoDigests, // of an archive's image: as the store likes
		ID:          id, Tags: []string{"x:1"}, Labels: map[string]string{"unidesk.service": "x"}, DiffIDs: []artifact.Digest{img.Layers[0].DiffID},
		Config: img.Config, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Command: []string{"/p"}, Complete: true,
		Platform: img.Platform,
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b artifact.Digest) bool { return a == b })); diff != "" || err != nil {
		t.Errorf("%v, image (-want +got):\n%s", err, diff)
	}

	labels := []string{"--network=none", "--label=com.docker.compose.project=p", "--label=com.docker.compose.service=s"}
	run := func(name string, more ...string) string {
		return docker(append(append([]string{"run", "-d", "--name", name}, labels...), more...)...)
	}
	stopped := run("web", "x:1")
	docker("wait", "web")
	running := run("0123456789ab_web", "x:1", "stay")
	run("once", "--label=com.docker.compose.oneoff=True", "x:1")
	run("other", "--label=com.docker.compose.service=t", "x:1")
	list, err := c.Containers(ctx, "p", "s")
	if err != nil || len(list) != 2 {
		t.Fatalf("%d containers, %v", len(list), err)
	}
	if list[0].ID != running || !list[0].Running || list[0].State != "running" || list[0].Name != "0123456789ab_web" || list[0].Started.IsZero() {
		t.Errorf("newest: %+v", list[0])
	}
	if o := list[1]; o.ID != stopped || o.Running || o.State != "exited" || o.ExitCode != 3 || o.ImageID != id || o.ImageRef != "x:1" ||
		!strings.Contains(strings.Join(o.Env, " "), "A=b") || o.Labels["unidesk.service"] != "x" {
		t.Errorf("stopped: %+v", o)
	}
	if lines, err := c.Logs(ctx, stopped, engine.Output{Lines: 3, Bytes: 1000}); err != nil || len(lines) != 3 || !strings.HasSuffix(lines[2], " 4") {
		t.Errorf("logs %q, %v", lines, err)
	}
	if lines, err := c.Logs(ctx, stopped, engine.Output{Lines: 100, Bytes: 20}); err != nil || strings.Join(lines, "\n") > "z" || len(strings.Join(lines, "\n")) > 20 || len(lines) == 0 {
		t.Errorf("short logs %q, %v", lines, err)
	}
	for name, none := range map[string]engine.Output{
		"after":  {Lines: 3, Bytes: 1000, After: time.Now()},
		"before": {Lines: 3, Bytes: 1000, Until: time.Now().Add(-time.Hour)},
	} {
		if lines, err := c.Logs(ctx, stopped, none); err != nil || len(lines) > 0 {
			t.Errorf("%s: %q, %v", name, lines, err)
		}
	}
	if lines, err := c.Logs(ctx, stopped, engine.Output{Lines: 3, Bytes: 1000, After: time.Now().Add(-time.Hour), Until: time.Now()}); err != nil || len(lines) != 3 {
		t.Errorf("between: %q, %v", lines, err)
	}
	if _, err := c.Logs(ctx, "nobody", engine.Output{Lines: 1, Bytes: 1}); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("logs of nobody: %v", err)
	}
	docker("pause", running)
	if one, err := c.Container(ctx, running); err != nil || one.State != "paused" || !one.Running {
		t.Errorf("paused: %+v, %v", one, err)
	}
	docker("unpause", running)
	if err := c.RenameContainer(ctx, stopped, "web-old"); err != nil {
		t.Error(err)
	}
	if one, err := c.Container(ctx, "web-old"); err != nil || one.ID != stopped {
		t.Errorf("%+v, %v", one, err)
	}

	if err := errors.Join(c.Tag(ctx, id, "x:2"), c.Tag(ctx, id, "y:1")); err != nil {
		t.Fatal(err)
	}
	if one, err := c.Image(ctx, "x:2"); err != nil || one.ID != id {
		t.Errorf("x:2: %+v, %v", one, err)
	}
	if err := errors.Join(c.Untag(ctx, "x:2"), c.Untag(ctx, "x:2"), c.Untag(ctx, "y:1")); err != nil {
		t.Error(err)
	}
	// Neither store may lose an image that a container was made of.
	if err := c.Untag(ctx, "x:1"); !errors.Is(err, engine.ErrInUse) || fault.ReasonOf(err) != fault.EngineFailed {
		t.Errorf("untag what runs: %v", err)
	}
	if err := c.RemoveImage(ctx, id); !errors.Is(err, engine.ErrInUse) {
		t.Errorf("remove what runs: %v", err)
	}
	for _, name := range []string{"web-old", "0123456789ab_web", "once", "other", "other"} {
		if err := c.RemoveContainer(ctx, name); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(c.Untag(ctx, "x:1"), c.RemoveImage(ctx, id)); err != nil {
		t.Error(err)
	}
	if all, err := c.AllImages(ctx); err != nil || len(all) > 0 {
		t.Errorf("left: %+v, %v", all, err)
	}
}

// realEngine is an engine that only this test uses, as the product and as docker know
// it.
func realEngine(t *testing.T) (c *engine.Client, docker func(args ...string) string) {
	t.Helper()
	host := realHost(t)
	c, err := engine.New(host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, func(args ...string) string {
		t.Helper()
		out, err := exec.Command("docker", append([]string{"-H", host}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %q: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
}

// realHost is the address of a private engine: only this test uses it.
func realHost(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") //nolint:usetesting // a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	e, err := lab.StartBuilder(t.Context(), dir+"/none", dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	return e.Host
}
