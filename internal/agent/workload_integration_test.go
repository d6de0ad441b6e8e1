//go:build integration

package agent_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

const projectSecret = "hunter2/of+the&suite"

// host is the machine that agents of these tests run on.
type host struct {
	engine   *lab.Engine
	registry string
	program  string
	// stall has the registry hold back each blob until the request ends.
	stall atomic.Bool
	// asked gets each blob that is held back.
	asked chan string
}

// TestProjects is all that needs an engine: it is started once.
func TestProjects(t *testing.T) {
	tools, err := lab.ToolsDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := &host{program: filepath.Join(dir, "service"), asked: make(chan string, 16)}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", h.program, "../compose/testdata/service")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the service: %v\n%s", err, out)
	}
	if h.engine, err = lab.UseOrStartEngine(t.Context(), "/var/run/docker.sock", dir, tools); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.engine.Close(); err != nil {
			t.Error(err)
		}
	})
	distribution, err := lab.Program("registry")
	if err != nil {
		t.Fatal(err)
	}
	real, err := lab.StartRegistry(t.Context(), distribution, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := real.Stop(); err != nil {
			t.Error(err)
		}
	})
	at, err := url.Parse(real.URL())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h.stallable(httputil.NewSingleHostReverseProxy(at)))
	t.Cleanup(server.Close)
	h.registry = server.URL
	t.Run("conformance", func(t *testing.T) { conformance(t, h) })
	t.Run("an agent killed in mid-switch", func(t *testing.T) { killed(t, h) })
	t.Run("what the registry does not have", func(t *testing.T) { notThere(t, h) })
	t.Run("what is not placed", func(t *testing.T) { notPlaced(t, h) })
	t.Run("what is only named", func(t *testing.T) { onlyNamed(t, h) })
	t.Run("files of another account", func(t *testing.T) { foreignFiles(t, h) })
	t.Run("images that stay", func(t *testing.T) { staying(t, h) })
	t.Run("an engine killed before a revert", func(t *testing.T) { engineGone(t, h) })
	t.Run("an engine killed in a pull", func(t *testing.T) { killedPull(t, h) })
}

// foreignFiles: an account that may write a project's files chooses what root starts.
func foreignFiles(t *testing.T, h *host) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files away")
	}
	p := newProject(t, h, 1)
	p.run(t, "")
	client := p.target(t)
	if err := client.Stage(t.Context(), p.spec.Ref, p.images[0].Pinned, ignore); err != nil {
		t.Fatal(err)
	}
	change := p.plan(t, client, 0, "a", 5*time.Minute)
	switched := func() error { return client.Switch(t.Context(), change, ignore) }
	if err := os.Chown(filepath.Join(p.root, ".state"), 12345, -1); err != nil {
		t.Fatal(err)
	}
	seen, err := client.Observe(t.Context(), p.spec.Ref, false)
	if err != nil || fault.ReasonOf(seen.Unread) != fault.PathRefused || !strings.Contains(fault.HintOf(seen.Unread), "chown root "+filepath.Join(p.root, ".state")) {
		t.Errorf("seen: %v, %v (%q)", err, seen.Unread, fault.HintOf(seen.Unread))
	}
	if err := switched(); fault.ReasonOf(err) != fault.PathRefused {
		t.Errorf("switched: %v", err)
	}
	if err := os.Chown(filepath.Join(p.root, ".state"), 0, -1); err != nil {
		t.Fatal(err)
	}
	if err := switched(); err != nil {
		t.Errorf("given back to root: %v", err)
	}
}

// project is a Compose project, placed by an agent of its own.
type project struct {
	*process
	host   *host
	spec   workload.Spec
	images []artifact.Image
	root   string
}

func newProject(t *testing.T, h *host, versions int) *project {
	t.Helper()
	var id [4]byte
	_, _ = rand.Read(id[:])
	p := &project{host: h, spec: workloadtest.SampleSpec("uat" + hex.EncodeToString(id[:])), root: t.TempDir()}
	p.write(t, "docker-compose.yml", `services:
  sample:
    image: `+p.spec.Compose.Image+`
    container_name: `+p.spec.Compose.ContainerName+`
    stop_grace_period: 2s
    environment:
      - UNIDESK_SAMPLE_DEPLOY_COMMIT
      - UNIDESK_SAMPLE_DEPLOY_REQUESTED_COMMIT
      - UNIDESK_SAMPLE_DEPLOY_IMAGE
      - UNIDESK_SAMPLE_DEPLOY_DIGEST
      - UNIDESK_SAMPLE_DEPLOY_SERVICE_ID
      - UNIDESK_SAMPLE_DEPLOY_SOURCE_REPO
      - UNIDESK_SAMPLE_DEPLOY_DEPLOYED_AT
      - SAMPLE_CLIENT_SECRET
    labels:
      unidesk.deploy.commit: ${UNIDESK_SAMPLE_DEPLOY_COMMIT:-}
      unidesk.deploy.requested-commit: ${UNIDESK_SAMPLE_DEPLOY_REQUESTED_COMMIT:-}
      unidesk.deploy.image: ${UNIDESK_SAMPLE_DEPLOY_IMAGE:-}
      unidesk.deploy.digest: ${UNIDESK_SAMPLE_DEPLOY_DIGEST:-}
      unidesk.deploy.service-id: ${UNIDESK_SAMPLE_DEPLOY_SERVICE_ID:-}
      unidesk.deploy.deployed-at: ${UNIDESK_SAMPLE_DEPLOY_DEPLOYED_AT:-}
      unidesk.deploy.source-repo: ${UNIDESK_SAMPLE_DEPLOY_SOURCE_REPO:-}
  beside: {image: x}
`)
	p.write(t, ".state/compose.env", "SAMPLE_CLIENT_SECRET='"+projectSecret+"'\n")
	for n := range versions {
		p.push(t, n)
	}
	dir := t.TempDir()
	p.process = &process{t: t, socket: filepath.Join(dir, "run", "agent.sock"), config: filepath.Join(dir, "agent.yaml")}
	nobody := p.spec
	nobody.Ref = workloadtest.Ref(p.spec.Ref.Scope(), "nobody")
	services, err := placement.Of(p.spec.Ref.Scope(), p.spec, nobody).YAML(4)
	if err != nil {
		t.Fatal(err)
	}
	p.configure(t, 2, services)
	t.Cleanup(func() {
		if p.cmd != nil {
			p.kill()
		}
		if journal, err := os.ReadFile(p.config + ".log"); err == nil && t.Failed() {
			t.Logf("%s", journal)
		}
		p.tearDown(t)
	})
	return p
}

// configure writes agent.yaml with these lines for the services.
func (p *project) configure(t *testing.T, version int, services string) {
	t.Helper()
	text := fmt.Sprintf("version: %d\nsocket: %s\nregistry: %s\ndocker: %s\nstate: %s\nprojects:\n  %s:\n    root: %s\n    files: [docker-compose.yml]\n    envFile: %s\n%s",
		version, p.socket, p.host.registry, strings.TrimPrefix(p.host.engine.Host, "unix://"), filepath.Join(filepath.Dir(p.config), "state"),
		p.spec.Ref.Scope(), p.root, filepath.Join(p.root, ".state", "compose.env"), services)
	if os.Getuid() != 0 {
		text += fmt.Sprintf("roles: {admin: [%d]}\n", os.Getuid())
	}
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *project) write(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// push makes version n and pushes it.
func (p *project) push(t *testing.T, n int) {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	b, err := os.ReadFile(p.host.program)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name string
		b    []byte
	}{{"service", b}, {"mark", []byte(p.spec.Compose.Image)}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.b))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.b); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close()
	commit, err := artifact.ParseCommit(strings.Repeat(fmt.Sprintf("%x", n+1), 40))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil }, tarball.WithCompressionLevel(gzip.NoCompression))
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config = v1.Config{
		Entrypoint: []string{"/service"}, Env: []string{"VERSION=" + commit.String()},
		Labels: map[string]string{artifact.LabelRevision: commit.String(), "project": p.spec.Ref.Scope()},
	}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	repo, err := artifact.ParseRepository("unidesk/" + p.spec.Compose.Image)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(strings.TrimPrefix(p.host.registry, "http://") + "/" + repo.String() + ":" + commit.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img, remote.WithTransport(http.DefaultTransport)); err != nil {
		t.Fatal(err)
	}
	manifest, _ := img.RawManifest()
	config, _ := img.RawConfigFile()
	parsed, err := artifact.ParseImage(artifact.Raw{
		Repository: repo, Commit: commit, Manifest: artifact.DigestOf(manifest), ManifestBytes: manifest, ConfigBytes: config,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.images = append(p.images, parsed)
}

// environ is that of a unit: no HOME.
func (p *project) environ(more ...string) []string {
	return append(more, "PATH="+os.Getenv("PATH"), "DOCKER_CONFIG="+p.host.engine.DockerConfig())
}

// run starts the agent, or with at a victim.
func (p *project) run(t *testing.T, at workload.Point) {
	t.Helper()
	p.cmd = exec.Command(program, "serve", "--config", p.config)
	p.cmd.Env = p.environ()
	if at != "" {
		p.cmd = exec.Command(os.Args[0])
		p.cmd.Env = p.environ("AGENT_TEST_VICTIM="+p.config, "AGENT_TEST_AT="+string(at))
	}
	// A file and not a pipe: what it leaves running would keep a pipe open.
	journal, err := os.OpenFile(p.config+".log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	p.cmd.Stderr = journal
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.waitUntilItListens(t)
}

func (p *project) waitUntilItListens(t *testing.T) {
	t.Helper()
	waitFor(t, func() bool {
		conn, err := tunnel.Dial(t.Context(), tunnel.Config{Socket: p.socket})
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func (p *project) target(t *testing.T) workload.Target {
	t.Helper()
	return dial(t, tunnel.Config{Socket: p.socket}).Workloads()
}

func (p *project) tearDown(t *testing.T) {
	ctx := context.WithoutCancel(t.Context())
	filter := "label=com.docker.compose.project=" + p.spec.Ref.Scope()
	for _, err := range []error{
		p.host.engine.RemoveAll(ctx, []string{"ps", "-aq", "--filter", filter}, "rm", "-f", "-v"),
		p.host.engine.RemoveAll(ctx, []string{"network", "ls", "-q", "--filter", filter}, "network", "rm"),
		p.host.engine.RemoveAll(ctx, []string{"images", "-q", "--filter", "label=project=" + p.spec.Ref.Scope()}, "rmi", "-f"),
	} {
		if err != nil {
			t.Log(err)
		}
	}
}

func conformance(t *testing.T, h *host) {
	workloadtest.Run(t, func(t *testing.T) workloadtest.Harness {
		t.Helper()
		t.Parallel()
		p := newProject(t, h, 4)
		p.run(t, "")
		return workloadtest.Harness{
			Target: p.target(t), Spec: p.spec, Images: p.images, Secret: projectSecret,
			Secrets: workloadtest.Shown(p.spec, projectSecret),
			Reopen: func() workload.Target {
				p.kill()
				p.run(t, "")
				return p.target(t)
			},
		}
	})
}

func ignore(workload.Event) {}

func (p *project) plan(t *testing.T, target workload.Target, n int, id string, d time.Duration) workload.Change {
	t.Helper()
	img := p.images[n]
	if err := target.Stage(t.Context(), p.spec.Ref, img.Pinned, ignore); err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	c := workload.Change{
		ID: id, Ref: p.spec.Ref, Image: img.Pinned, Basis: p.observe(t, target).Basis, Holder: "a test", Stamps: map[string]string{},
		Deadline: time.Now().Add(d),
	}
	for _, k := range workload.Keys() {
		c.Stamps[k] = id + "-" + strings.ToLower(k)
	}
	c.Stamps[workload.KeyCommit] = img.Commit.String()
	return c
}

// keep settles a change for what runs.
func (p *project) keep(t *testing.T, target workload.Target, id string) {
	t.Helper()
	s := workload.Settlement{ChangeID: id, Outcome: workload.Keep}
	for _, in := range p.observe(t, target).Instances {
		s.Proven = append(s.Proven, in.Copy())
	}
	if err := target.Settle(t.Context(), p.spec.Ref, s, ignore); err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
}

func (p *project) observe(t *testing.T, target workload.Target) workload.Observation {
	t.Helper()
	seen, err := target.Observe(t.Context(), p.spec.Ref, false)
	if err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	return seen
}

// want fails unless version n runs, alone, settled, from its env file.
func (p *project) want(t *testing.T, target workload.Target, n int) {
	t.Helper()
	seen, img := p.observe(t, target), p.images[n]
	if seen.Pending != nil || len(seen.Instances) != 1 || seen.Stamped[workload.KeyCommit] != img.Commit.String() {
		t.Fatalf("want version %d: pending %+v, containers %+v, env file %v", n, seen.Pending, seen.Instances, seen.Stamped)
	}
	if in := seen.Instances[0]; !in.Running || in.Name != p.spec.Compose.ContainerName || !in.Is(img.Pinned) || in.Stamped[workload.KeyCommit] != img.Commit.String() {
		t.Fatalf("want version %d: %+v", n, in)
	}
}

// live makes version 0 what runs.
func (p *project) live(t *testing.T) {
	t.Helper()
	p.run(t, "")
	target := p.target(t)
	c := p.plan(t, target, 0, "a", 5*time.Minute)
	if err := target.Switch(t.Context(), c, ignore); err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	p.keep(t, target, "a")
	p.want(t, target, 0)
	if peak := peakRSS(t, p.cmd.Process.Pid); peak > 64<<20 {
		t.Errorf("the agent's peak is %d bytes", peak)
	}
}

// killed kills the agent at each point of a switch, and after it.
func killed(t *testing.T, h *host) {
	const never = workload.Point("never")
	for _, at := range []workload.Point{workload.PointBefore, workload.PointTag, workload.PointConfigure, workload.PointReplace, workload.PointSwitch, never} {
		t.Run("at "+string(at)+" reverts the change at its deadline", func(t *testing.T) {
			t.Parallel()
			p := newProject(t, h, 2)
			p.live(t)
			c := p.plan(t, p.target(t), 1, "b", 30*time.Second) // time enough to reach each point
			p.kill()
			p.run(t, at)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			target := p.target(t)
			go func() { done <- target.Switch(ctx, c, ignore) }()
			if at == never {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				p.kill()
			} else {
				p.dies(t)
			}
			cancel()
			p.run(t, "")
			target = p.target(t)
			if seen := p.observe(t, target); seen.Pending == nil || seen.Pending.Change.ID != "b" {
				t.Fatalf("nobody knows of it: %+v", seen)
			}
			for end := time.Now().Add(3 * time.Minute); p.observe(t, target).Pending != nil; time.Sleep(200 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("not reverted: %+v", p.observe(t, target).Pending)
				}
			}
			if time.Now().Before(c.Deadline) {
				t.Error("reverted before its deadline")
			}
			p.want(t, target, 0)
			if last := p.observe(t, target).Last; last == nil || last.Outcome != workload.Revert {
				t.Errorf("%+v", last)
			}
		})
		t.Run("at "+string(at)+" is no more than a pause to the caller", func(t *testing.T) {
			t.Parallel()
			p := newProject(t, h, 2)
			p.live(t)
			c := p.plan(t, p.target(t), 1, "b", 5*time.Minute)
			p.kill()
			p.run(t, at)
			target := p.target(t)
			done := make(chan error, 1)
			go func() { done <- target.Switch(t.Context(), c, ignore) }()
			if at != never {
				p.dies(t)
				p.run(t, "")
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if at == never {
				p.kill()
				p.run(t, "")
			}
			p.keep(t, target, "b")
			p.want(t, target, 1)
		})
	}
}

// dies waits for the victim's end.
func (p *project) dies(t *testing.T) {
	t.Helper()
	over := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(time.Minute):
		t.Fatal("the victim lives")
	}
}

func notThere(t *testing.T, h *host) {
	p := newProject(t, h, 1)
	p.run(t, "")
	target := p.target(t)
	img := p.images[0].Pinned
	img.Manifest = artifact.DigestOf([]byte("another"))
	if err := target.Stage(t.Context(), p.spec.Ref, img, ignore); fault.ReasonOf(err) != fault.ImageUnavailable || err == nil {
		t.Errorf("%v (%s)", err, fault.ReasonOf(err))
	}
	img = p.images[0].Pinned
	img.Config = artifact.DigestOf([]byte("another"))
	client, err := engine.New(h.engine.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	info, err := client.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// In containerd's store the id is the manifest's digest, and the manifest names its
	// config: a wrong config beside it misleads nothing.
	err = target.Stage(t.Context(), p.spec.Ref, img, ignore)
	if info.Store == engine.Classic && (fault.ReasonOf(err) != fault.DigestMismatch || err == nil) || info.Store == engine.Containerd && err != nil {
		t.Errorf("%v (%s)", err, fault.ReasonOf(err))
	}
	// Staging leaves the commit's name and none of the registry's.
	if err := target.Stage(t.Context(), p.spec.Ref, p.images[0].Pinned, ignore); err != nil {
		t.Fatal(err)
	}
	got, err := client.Image(t.Context(), info.Store.ID(p.images[0].Pinned))
	if err != nil || !slices.Equal(got.Tags, []string{p.spec.Compose.Image + ":" + p.images[0].Commit.String()}) ||
		slices.ContainsFunc(got.RepoDigests, func(d string) bool { return strings.HasPrefix(d, strings.TrimPrefix(h.registry, "http://")) }) {
		t.Errorf("%+v, %v", got, err)
	}
}

func notPlaced(t *testing.T, h *host) {
	p := newProject(t, h, 0)
	p.run(t, "")
	target := p.target(t)
	var answers []string
	for _, ref := range []workload.Ref{
		workloadtest.Ref(p.spec.Ref.Scope(), "beside"),
		workloadtest.Ref(p.spec.Ref.Scope(), "no-such-service"),
		workloadtest.Ref("elsewhere", "sample"),
	} {
		_, err := target.Observe(t.Context(), ref, false)
		if fault.ReasonOf(err) != fault.WorkloadNotFound || err == nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		answers = append(answers, strings.ReplaceAll(err.Error(), ref.String(), "it"))
	}
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("answers differ: %q", answers)
		}
	}
}

// onlyNamed: agent.yaml version 1 lists the service. It is observed, and nothing of it
// is staged or switched until version 2 places it; a change from then can be ended.
func onlyNamed(t *testing.T, h *host) {
	p := newProject(t, h, 2)
	placed, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	named := func() workload.Target {
		p.configure(t, 1, "    services: [sample]\n")
		p.run(t, "")
		return p.target(t)
	}
	target := named()
	seen := p.observe(t, target)
	if seen.Placement.Placed() || seen.Placement.Ref != p.spec.Ref || len(seen.Units) != 1 || seen.ImageRoom <= 0 {
		t.Errorf("%+v", seen)
	}
	refused := func(err error) {
		t.Helper()
		if fault.ReasonOf(err) != fault.WorkloadUnfit || !strings.Contains(fault.HintOf(err), "unidesk-controller host placement") {
			t.Errorf("%v (%s)", err, fault.HintOf(err))
		}
	}
	refused(target.Stage(t.Context(), p.spec.Ref, p.images[0].Pinned, ignore))
	refused(target.Switch(t.Context(), workload.Change{
		ID: "a", Ref: p.spec.Ref, Image: p.images[0].Pinned, Holder: "a test", Deadline: time.Now().Add(time.Minute),
		Stamps: map[string]string{workload.KeyCommit: p.images[0].Commit.String()},
	}, ignore))
	p.kill()
	if err := os.WriteFile(p.config, placed, 0o600); err != nil {
		t.Fatal(err)
	}
	p.live(t)
	target = p.target(t)
	if err := target.Switch(t.Context(), p.plan(t, target, 1, "b", 5*time.Minute), ignore); err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	p.kill()
	target = named()
	runs := func(n int, pending bool) {
		t.Helper()
		seen := p.observe(t, target)
		if (seen.Pending != nil) != pending || len(seen.Instances) != 1 || !seen.Instances[0].Running || !seen.Instances[0].Is(p.images[n].Pinned) {
			t.Fatalf("want version %d, pending %t: %+v", n, pending, seen)
		}
	}
	runs(1, true)
	if err := target.Settle(t.Context(), p.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Revert}, ignore); err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	runs(0, false)
}
