//go:build integration

package compose_test

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// secret has more bytes than letters.
const secret = "hunter2/of+the&süite"

// machine is the engine that all tests of the package share.
type machine struct {
	engine  *lab.Engine
	client  *engine.Client
	store   engine.Store
	program string // the service, built
}

var shared machine

func TestMain(m *testing.M) {
	if dir := os.Getenv("COMPOSE_TEST_VICTIM"); dir != "" {
		os.Exit(victim(dir))
	}
	if os.Getenv("UNIDESK_TEST_ORPHANS") != "" { // a child that is killed: it would leave its engine
		os.Exit(m.Run())
	}
	// These tests wait for containers to stop and start most of the time.
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = flag.Set("test.parallel", "6")
	}
	os.Exit(withMachine(m))
}

func withMachine(m *testing.M) int {
	dir, err := os.MkdirTemp("", "compose")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tools, err := lab.ToolsDir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.program = filepath.Join(dir, "service")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", shared.program, "./testdata/service")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the service: %v\n%s", err, out)
		return 1
	}
	shared.engine, err = lab.UseOrStartEngine(context.Background(), "/var/run/docker.sock", dir, tools)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := shared.engine.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	for _, e := range shared.engine.Env() {
		if key, value, _ := strings.Cut(e, "="); key == "DOCKER_CONFIG" || key == "DOCKER_HOST" {
			_ = os.Setenv(key, value)
		}
	}
	if shared.client, err = newClient(shared.engine.Host); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	info, err := shared.client.Info(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.store = info.Store
	return m.Run()
}

// world is a Compose project with a service of which nothing runs, and a service beside
// it which nothing may touch.
type world struct {
	t       *testing.T
	root    string
	project string
	spec    workload.Spec
	images  []artifact.Image
	kept    []artifact.Image // images, some of which are removed everywhere
	loads   map[artifact.Commit]v1.Image
	config  compose.Config
	mu      sync.Mutex
	// besideID is the container of the service beside, when it runs.
	besideID string
}

// modes are how the versions behave: see testdata/service.
func newWorld(t *testing.T, modes ...string) *world {
	t.Helper()
	var id [4]byte
	_, _ = rand.Read(id[:])
	w := &world{t: t, root: t.TempDir(), project: "uct" + hex.EncodeToString(id[:]), loads: map[artifact.Commit]v1.Image{}}
	w.spec = workloadtest.SampleSpec(w.project)
	w.config = compose.Config{
		Root: w.root, Project: w.project, Files: []string{"docker-compose.yml"},
		EnvFile: filepath.Join(w.root, ".state", "compose.env"), DockerHost: shared.engine.Host, Workloads: []workload.Spec{w.spec},
	}
	w.write("docker-compose.yml", w.composeFile(""))
	w.write(".state/compose.env", "# controlled\r\nSAMPLE_CLIENT_SECRET='"+secret+"'\r\nOTHER=1")
	for i, mode := range modes {
		w.makeImage(i, mode)
	}
	t.Cleanup(w.tearDown)
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	name = filepath.Join(w.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.root, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// composeFile declares the service, with more lines if wanted. Each form in which
// a key can be named comes up.
func (w *world) composeFile(more string) string {
	return `services:
  sample:
    image: ` + w.spec.Compose.Image + `
    container_name: ` + w.spec.Compose.ContainerName + `
    stop_grace_period: 3s
    depends_on: [beside]
    volumes: [/data]
    environment:
      - UNIDESK_SAMPLE_DEPLOY_COMMIT
      - UNIDESK_SAMPLE_DEPLOY_REQUESTED_COMMIT=${UNIDESK_SAMPLE_DEPLOY_REQUESTED_COMMIT}
      - UNIDESK_SAMPLE_DEPLOY_IMAGE=${UNIDESK_SAMPLE_DEPLOY_IMAGE:-none}
      - UNIDESK_SAMPLE_DEPLOY_DIGEST=$UNIDESK_SAMPLE_DEPLOY_DIGEST
      - UNIDESK_SAMPLE_DEPLOY_SERVICE_ID
      - UNIDESK_SAMPLE_DEPLOY_SOURCE_REPO=${UNIDESK_SAMPLE_DEPLOY_SOURCE_REPO-}
      - UNIDESK_SAMPLE_DEPLOY_DEPLOYED_AT
      - SAMPLE_CLIENT_SECRET
    labels:
      unidesk.deploy.commit: ${UNIDESK_SAMPLE_DEPLOY_COMMIT:-}
      unidesk.deploy.requested-commit: ${UNIDESK_SAMPLE_DEPLOY_REQUESTED_COMMIT:-}
      unidesk.deploy.image: ${UNIDESK_SAMPLE_DEPLOY_IMAGE:-}
      unidesk.deploy.digest: ${UNIDESK_SAMPLE_DEPLOY_DIGEST:-}
      unidesk.deploy.service-id: ${UNIDESK_SAMPLE_DEPLOY_SERVICE_ID:-}
      unidesk.deploy.deployed-at: ${UNIDESK_SAMPLE_DEPLOY_DEPLOYED_AT:-}
      unidesk.source: ${UNIDESK_SAMPLE_DEPLOY_SOURCE_REPO:-}
` + more + `
  beside:
    image: ` + w.spec.Compose.Image + `-beside
    container_name: ` + w.project + `-beside
    environment: {SEEN: "${UNIDESK_SAMPLE_DEPLOY_COMMIT:-}"}
`
}

// makeImage makes version n: the program and, in the config, what it is.
func (w *world) makeImage(n int, mode string) {
	w.t.Helper()
	commit, err := artifact.ParseCommit(strings.Repeat(fmt.Sprintf("%x", n+1), 40))
	if err != nil {
		w.t.Fatal(err)
	}
	program := "service"
	if strings.HasSuffix(mode, "in a folder") {
		program = "app/service"
	}
	// Nothing crosses a network here: an archive may hold its layers as they are.
	layer, err := tarball.LayerFromFile(tarOf(w.t, shared.program, program, w.project), tarball.WithCompressionLevel(gzip.NoCompression))
	if err != nil {
		w.t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		w.t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		w.t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config = v1.Config{
		Entrypoint: []string{"/" + program}, Env: []string{"VERSION=" + commit.String(), "MODE=" + mode},
		Labels: map[string]string{artifact.LabelRevision: commit.String(), "project": w.project},
	}
	if mode == "VOLUME in a folder" {
		file.Config.Volumes = map[string]struct{}{"/app": {}}
	}
	if mode == "no program" {
		file.Config.Entrypoint = []string{"/nothing"}
	}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		w.t.Fatal(err)
	}
	manifest, _ := img.RawManifest()
	config, _ := img.RawConfigFile()
	parsed, err := artifact.ParseImage(artifact.Raw{
		Commit: commit, Manifest: artifact.DigestOf(manifest), ManifestBytes: manifest, ManifestMediaType: string(types.DockerManifestSchema2), ConfigBytes: config,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.images, w.loads[commit] = append(w.images, parsed), img
}

// Stage implements compose.Stager by loading the image from here, if it is missing.
func (w *world) Stage(ctx context.Context, image artifact.Pinned, tag string, emit func(workload.Event)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if have, err := shared.client.Image(ctx, tag); err == nil && have.Config == image.Config {
		emit(workload.Event{Point: workload.PointStaged})
		return nil
	}
	i := slices.IndexFunc(w.images, func(img artifact.Image) bool { return img.Manifest == image.Manifest && img.Config == image.Config })
	if i < 0 {
		return fmt.Errorf("nobody made %+v", image)
	}
	whole := w.images[i]
	layers, err := w.loads[image.Commit].Layers()
	if err != nil {
		return err
	}
	files := make([]engine.File, len(layers))
	for i, l := range whole.Layers {
		files[i] = engine.File{Layer: l.Digest, Size: l.Size, Open: layers[i].Compressed}
	}
	if _, err := shared.client.Load(ctx, engine.NewArchive(whole, tag, files...), time.Minute); err != nil {
		return err
	}
	emit(workload.Event{Point: workload.PointStaged})
	return nil
}

func (w *world) runtime() *compose.Runtime {
	w.t.Helper()
	r, err := compose.New(w.config, shared.client, w)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) target() *confirm.Target[compose.State] {
	return confirm.New(w.runtime(), filepath.Join(w.root, ".state", "changes"))
}

// docker runs a docker command by hand.
func (w *world) docker(args ...string) string {
	w.t.Helper()
	out, err := exec.CommandContext(context.WithoutCancel(w.t.Context()), "docker", args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) tearDown() {
	for _, kind := range [][3]string{{"container", "ls", "rm"}, {"network", "ls", "rm"}, {"volume", "ls", "rm"}} {
		list := []string{kind[0], kind[1], "-q", "--filter", "label=com.docker.compose.project=" + w.project}
		remove := []string{kind[0], kind[2]}
		if kind[0] == "container" {
			list, remove = append(list, "-a"), append(remove, "-f", "-v")
		}
		if ids := strings.Fields(w.docker(list...)); len(ids) > 0 {
			w.docker(append(remove, ids...)...)
		}
	}
	if ids := strings.Fields(w.docker("images", "-q", "--filter", "label=project="+w.project)); len(ids) > 0 {
		_, _ = exec.Command("docker", append([]string{"rmi", "-f"}, ids...)...).CombinedOutput()
	}
}

func newClient(host string) (*engine.Client, error) { return engine.New(host) }
