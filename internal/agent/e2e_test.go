package agent_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// program is the agent's binary, built once.
var program string

func TestMain(m *testing.M) {
	if config := os.Getenv("AGENT_TEST_VICTIM"); config != "" {
		os.Exit(victim(config, workload.Point(os.Getenv("AGENT_TEST_AT"))))
	}
	flag.Parse()
	for _, name := range []string{"test.fuzz", "test.list"} {
		if flag.Lookup(name).Value.String() != "" { // no test runs that needs the program
			os.Exit(m.Run())
		}
	}
	os.Exit(testMain(m))
}

// victim is an agent that dies of kill -9 at a point of a switch.
func victim(config string, at workload.Point) int {
	c, err := agent.LoadFile(config)
	if err == nil {
		var a *agent.Agent
		if a, err = agent.New(c, "1.0.0-victim", slog.New(slog.NewJSONHandler(os.Stderr, nil))); err == nil {
			a.Tap(func(e workload.Event) {
				if e.Point == at {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				}
			})
			var l net.Listener
			if l, err = agent.Listen(context.Background(), c.Socket); err == nil {
				err = a.Run(context.Background(), l)
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// testMain returns the exit code, so that the program is removed in any case.
func testMain(m *testing.M) int {
	complain := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		return complain(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil { // for TestAnAccountWithoutARole
		return complain(err)
	}
	program = filepath.Join(dir, "unidesk-agent")
	build := exec.Command("go", "build", "-o", program, "../../cmd/agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return complain(fmt.Errorf("build agent: %w\n%s", err, out))
	}
	// These tests wait for containers and deadlines most of the time.
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = flag.Set("test.parallel", "6")
	}
	if code := m.Run(); code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		return complain(err)
	}
	return 0
}

const (
	repository = "unidesk/baidu-netdisk"
	commitID   = "0123456789abcdef0123456789abcdef01234567"
)

var platform = artifact.Platform{OS: "linux", Architecture: "amd64"}

// shown has the handler's answers show that a registry gives them, as Distribution's do.
func shown(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		h.ServeHTTP(w, r)
	})
}

// newRegistry serves an in-memory registry with one image of random layers.
func newRegistry(t *testing.T, size int64, layers int64) (url string, img v1.Image) {
	t.Helper()
	server := httptest.NewServer(shown(registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))))
	t.Cleanup(server.Close)
	return server.URL, push(t, server.URL, size, layers)
}

func push(t *testing.T, url string, size, layers int64) v1.Image {
	t.Helper()
	img, err := random.Image(size, layers)
	if err != nil {
		t.Fatal(err)
	}
	return pushImage(t, url, img)
}

// pushImage pushes layers as the commit's image, of this platform.
func pushImage(t *testing.T, url string, img v1.Image) v1.Image {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = platform.OS, platform.Architecture
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(strings.TrimPrefix(url, "http://") + "/" + repository + ":" + commitID)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img, remote.WithTransport(http.DefaultTransport)); err != nil {
		t.Fatal(err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return img
}

// newAgent makes an agent and the path of the socket that it is to have.
func newAgent(t *testing.T, c agent.Config) (a *agent.Agent, socket string) {
	t.Helper()
	c.Version, c.Socket, c.State = 1, filepath.Join(t.TempDir(), "run", "agent.sock"), t.TempDir()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(c, "1.0.0-test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a, c.Socket
}

// runAgent runs it until the test ends or stop is called, which waits.
func runAgent(t *testing.T, a *agent.Agent, socket string) (stop func()) {
	t.Helper()
	l, err := agent.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("agent: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// serve runs an agent in this process and returns its socket.
func serve(t *testing.T, c agent.Config) string {
	t.Helper()
	a, socket := newAgent(t, c)
	runAgent(t, a, socket)
	return socket
}

func dial(t *testing.T, c tunnel.Config) *rpc.Client {
	t.Helper()
	client, err := rpc.Dial(t.Context(), func(ctx context.Context) (net.Conn, error) { return tunnel.Dial(ctx, c) }, rpc.Options{Version: "1.0.0-test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func stdioCommand(socket string) tunnel.Config {
	return tunnel.Config{Command: []string{program, "stdio", "--socket", socket}}
}

func resolve(t *testing.T, client *rpc.Client) artifact.Image {
	t.Helper()
	repo, err := artifact.ParseRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := artifact.ParseCommit(commitID)
	if err != nil {
		t.Fatal(err)
	}
	img, err := client.Resolve(t.Context(), repo, commit, platform)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func wholeLayers(img artifact.Image) (ranges []layers.Range) {
	for _, l := range img.Layers {
		ranges = append(ranges, layers.Range{Layer: l})
	}
	return ranges
}

func TestAnImageCrossesStandardStreamsWhole(t *testing.T) {
	url, want := newRegistry(t, 1<<20+17, 3)
	for name, config := range map[string]func(string) tunnel.Config{
		"socket": func(s string) tunnel.Config { return tunnel.Config{Socket: s} },
		"stdio":  stdioCommand,
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, config(serve(t, agent.Config{Registry: url})))
			d, err := client.Describe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if d.CallerRole != rpc.RoleAdmin || d.AgentVersion != "1.0.0-test" || len(d.Capabilities) != 1 || d.Capabilities[0] != rpc.CapabilityImageStream {
				t.Errorf("description %+v", d)
			}
			img := resolve(t, client)
			if digest, _ := want.Digest(); img.Manifest.String() != digest.String() {
				t.Fatalf("resolved %s, pushed %s", img.Manifest, digest)
			}
			var got bytes.Buffer
			at := map[artifact.Digest]*bytes.Buffer{}
			err = client.Stream(t.Context(), img.Repository, wholeLayers(img), nil, func(c layers.Piece) error {
				if at[c.Digest] == nil {
					at[c.Digest] = &bytes.Buffer{}
				}
				at[c.Digest].Write(c.Data)
				got.Write(c.Data)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range img.Layers {
				if sum := artifact.DigestSum(sha256.Sum256(at[l.Digest].Bytes())); sum != l.Digest {
					t.Errorf("layer %s arrived as %s", l.Digest, sum)
				}
			}
			if int64(got.Len()) != img.Bytes {
				t.Errorf("%d bytes of %d", got.Len(), img.Bytes)
			}
			tags, next, err := client.List(t.Context(), img.Repository, 0, "")
			if err != nil || next != "" || len(tags) != 1 || tags[0].Name != commitID || tags[0].Digest != img.Manifest {
				t.Errorf("tags %v, next %q, err %v", tags, next, err)
			}
		})
	}
}

func TestTheCapabilityIsListedOnlyWhereProjectsArePlaced(t *testing.T) {
	dir := t.TempDir()
	for _, placed := range []bool{true, false} {
		c := agent.Config{Registry: "http://127.0.0.1:1", Docker: filepath.Join(dir, "no-engine.sock")}
		if placed {
			c.Projects = map[string]agent.Project{"p": {Root: dir, Files: []string{"f"}, EnvFile: filepath.Join(dir, "env"), Services: placement.Services{"s": nil}}}
		}
		client := dial(t, tunnel.Config{Socket: serve(t, c)})
		d, err := client.Describe(t.Context())
		if err != nil || slices.Contains(d.Capabilities, rpc.CapabilityWorkloadCompose) != placed {
			t.Errorf("placed %t: %+v, %v", placed, d.Capabilities, err)
		}
		want := fault.WorkloadNotFound
		if !placed {
			want = fault.CapabilityMissing
		}
		if _, err = client.Workloads().Observe(t.Context(), workloadtest.Ref("q", "sample"), false); fault.ReasonOf(err) != want {
			t.Errorf("placed %t: %v", placed, err)
		}
	}
}
