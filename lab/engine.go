package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const defaultSocket = "/var/run/docker.sock"

// Engine is a Docker Engine: the machine's own, or started by the lab.
type Engine struct {
	// Host is its address as DOCKER_HOST wants it.
	Host string
	// Private is true if only the lab uses it, so that all in it is the lab's.
	Private bool

	// enter makes a command on the engine's host, if that is another host.
	enter      func(ctx context.Context, argv ...string) *exec.Cmd
	dir        string
	containerd *Proc
	dockerd    *Proc
	// name and made are what dockerd is called and started from.
	name string
	made release
}

// UseOrStartEngine returns the engine that answers on a socket of the machine, or
// starts a private engine whose whole state is in dir if none does, or if
// [EngineVariable] asks for it. The folder plugins holds docker-compose.
func UseOrStartEngine(ctx context.Context, socket, dir, plugins string) (*Engine, error) {
	if !answers(ctx, socket) {
		return startEngine(ctx, "master-engine", dir, plugins)
	}
	e := sharedEngine(socket, dir)
	return e, e.writeDockerConfig(plugins)
}

func sharedEngine(socket, dir string) *Engine { return &Engine{Host: "unix://" + socket, dir: dir} }

// StartBuilder starts a private engine that plays D601's: what it builds, no
// other engine has. Without root, which an engine needs, the machine's engine
// has to build too; the producer then removes what it has pushed.
func StartBuilder(ctx context.Context, socket, dir, plugins string) (*Engine, error) {
	if os.Geteuid() != 0 {
		return UseOrStartEngine(ctx, socket, dir, plugins)
	}
	return startEngine(ctx, "builder-engine", dir, plugins)
}

// newEngine is a private engine with its state in dir, not yet started.
func newEngine(dir string) *Engine {
	e := &Engine{dir: dir, Private: true}
	e.Host = "unix://" + e.in("docker.sock")
	return e
}

// answers reports whether the engine on a socket is there to be used.
func answers(ctx context.Context, socket string) bool {
	return os.Getenv(EngineVariable) == "" && ping(ctx, socket) == nil
}

// startEngine starts containerd and dockerd. They have no default bridge and set
// no iptables rules, so nothing of the machine's network changes and several
// labs do not meet: a Compose project's own network is all that a service needs.
func startEngine(ctx context.Context, name, dir, plugins string) (*Engine, error) {
	made, err := chosenRelease()
	if err == nil {
		err = made.startable()
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	e := newEngine(dir)
	if err := e.writeDockerConfig(plugins); err != nil {
		return nil, err
	}
	e.name, e.made = name, made
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Engine) start(ctx context.Context) error {
	name, made := e.name, e.made
	// A containerd of its own: Debian's dockerd would share the machine's if that runs,
	// and would fail if only its socket's file is left. CRI and NRI would use folders
	// and sockets of the machine's.
	containerd := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.nri.v1.nri\"]\n[grpc]\naddress = %q\n",
		e.in("containerd"), e.in("containerd-run"), e.in("containerd.sock"))
	for file, content := range map[string]string{"containerd.toml": containerd, "daemon.json": made.settings()} {
		if err := os.WriteFile(e.in(file), []byte(content), 0o600); err != nil {
			return fmt.Errorf("configure %s: %w", name, err)
		}
	}
	var err error
	if e.containerd, err = startProc(daemon{
		name: name + " containerd", log: e.in("containerd.log"), env: made.env(), guarded: true,
		argv: []string{made.program("containerd"), "--config", e.in("containerd.toml")},
	}); err != nil {
		return err
	}
	if err := os.WriteFile(e.in("containerd.pid"), []byte(strconv.Itoa(e.containerd.PID())), 0o600); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	if err := e.containerd.Ready(ctx, 30*time.Second, dial("unix", e.in("containerd.sock"))); err != nil {
		return err
	}
	return e.startDocker(ctx)
}

// startDocker starts dockerd beside the containerd that runs.
func (e *Engine) startDocker(ctx context.Context) (err error) {
	if e.dockerd, err = startProc(daemon{
		// It starts itself anew for each layer and each container, and half of what that
		// takes is collecting garbage.
		name: e.name, log: e.in("dockerd.log"), env: append(e.made.env(), "GOGC=400"), guarded: true,
		argv: []string{
			// A daemon.json instead of the machine's, whose settings are not meant for this engine.
			e.made.program("dockerd"), "--config-file", e.in("daemon.json"), "--host", e.Host, "--containerd", e.in("containerd.sock"),
			"--data-root", e.in("data"), "--exec-root", e.in("run"), "--pidfile", e.in("docker.pid"),
			"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--userland-proxy=false",
			"--shutdown-timeout=5",
		},
	}); err != nil {
		return err
	}
	return e.dockerd.Ready(ctx, 60*time.Second, func(ctx context.Context) error { return ping(ctx, e.in("docker.sock")) })
}

// Crash ends dockerd of a private engine as kill -9 does. Its containers run on until
// Revive.
func (e *Engine) Crash() { e.dockerd.Kill() }

// Revive starts dockerd again after a Crash.
func (e *Engine) Revive(ctx context.Context) error { return e.startDocker(ctx) }

// Close stops the engine if the lab has started it, containers included. The
// bridges of its networks and what it left mounted would outlive it: they are
// taken away, so that its folder can be removed.
func (e *Engine) Close() error {
	if e == nil || !e.Private {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var errs []error
	if e.dockerd != nil {
		errs = append(errs, e.empty(ctx))
	}
	errs = append(errs, e.dockerd.Stop(20*time.Second), e.containerd.Stop(10*time.Second), unmountUnder(e.dir))
	return errors.Join(errs...)
}

// empty removes the containers and the networks of a private engine.
func (e *Engine) empty(ctx context.Context) error {
	return errors.Join(
		e.RemoveAll(ctx, []string{"ps", "--all", "--quiet"}, "rm", "--force"),
		e.RemoveAll(ctx, []string{"network", "ls", "--quiet", "--filter", "type=custom"}, "network", "rm"))
}

// RemoveAll removes what a docker command lists, and only that.
func (e *Engine) RemoveAll(ctx context.Context, list []string, remove ...string) error {
	out, err := e.Docker(ctx, list...)
	if err != nil {
		return err
	}
	ids := strings.Fields(out)
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) == 0 {
		return nil
	}
	_, err = e.Docker(ctx, append(remove, ids...)...)
	return err
}

// Env is the environment for programs that talk to this engine.
func (e *Engine) Env() []string {
	// The classic builder needs no plugin and, without a RUN, no network.
	return cleanEnv("DOCKER_HOST="+e.Host, "DOCKER_CONFIG="+e.DockerConfig(), "DOCKER_BUILDKIT=0")
}

// Docker runs a docker command and returns its standard output.
func (e *Engine) Docker(ctx context.Context, args ...string) (string, error) {
	if e.enter != nil {
		return e.dockerThere(ctx, nil, args...)
	}
	return run(ctx, "", e.Env(), append([]string{"docker"}, args...)...)
}

// CopyImages carries images into another engine, as save and load do.
func (e *Engine) CopyImages(ctx context.Context, to *Engine, refs ...string) error {
	docker, err := findProgram("docker")
	if err != nil {
		return err
	}
	var saveErr, loadErr strings.Builder
	save := exec.CommandContext(ctx, docker, append([]string{"save"}, refs...)...)
	load := exec.CommandContext(ctx, docker, "load", "--quiet")
	save.Env, load.Env = e.Env(), to.Env()
	save.Stderr, load.Stderr = &saveErr, &loadErr
	pipe, err := save.StdoutPipe()
	if err != nil {
		return fmt.Errorf("carry %v: %w", refs, err)
	}
	load.Stdin = pipe
	if err := save.Start(); err != nil {
		return fmt.Errorf("carry %v: save: %w", refs, err)
	}
	loaded := load.Run()
	_, _ = io.Copy(io.Discard, pipe) // or a load that fails early leaves save writing for ever
	if err := errors.Join(loaded, save.Wait()); err != nil {
		return fmt.Errorf("carry %v: %w: %s%s", refs, err, saveErr.String(), loadErr.String())
	}
	return nil
}

// DockerConfig is a DOCKER_CONFIG folder of the lab's own: no credentials and no
// context of the user's, and the lab's compose plugin.
func (e *Engine) DockerConfig() string { return e.in("docker-config") }

func (e *Engine) writeDockerConfig(plugins string) error {
	err := os.MkdirAll(e.DockerConfig(), 0o700)
	if err == nil {
		content := fmt.Sprintf("{\"cliPluginsExtraDirs\": [%q]}\n", plugins)
		err = os.WriteFile(filepath.Join(e.DockerConfig(), "config.json"), []byte(content), 0o600)
	}
	if err != nil {
		return fmt.Errorf("make the docker configuration: %w", err)
	}
	return nil
}

func (e *Engine) in(name string) string { return filepath.Join(e.dir, name) }

// ping asks the engine on a socket whether it serves.
func ping(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	return get(ctx, &http.Client{Transport: transport}, "http://docker/_ping")
}

// get asks for a page and wants 200.
func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}

// dial is a readiness question: is there a listener?
func dial(network, address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// loopbackClient keeps no connection and asks no proxy.
func loopbackClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}
