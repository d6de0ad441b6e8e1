// Package compose switches a service of a Compose project on this host: the image's
// names, the deploy keys of the controlled env file, and then exactly `docker compose
// up` for that service alone. It is a [confirm.Runtime]: it remembers nothing, and each
// of its acts may find the last act half done.
//
// Two dangers shape it. Compose stopped in the middle of a recreate leaves the
// service down, so it runs apart from us: a process group of its own, no pipe that
// could break, the workload's lock in its hands; a killed controller's Compose
// comes to its end. And Compose takes orders from its environment and from the env
// file, so it gets an environment that is ours alone, and an env file that
// redirects the project is refused.
package compose

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/probe"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Config is where a project is on this host.
type Config struct {
	// Root is the project's folder, absolute.
	Root string
	// Project is the project's name.
	Project string
	// Files are the Compose files, absolute or below Root, in their order.
	Files []string
	// EnvFile is the controlled env file, absolute.
	EnvFile string
	// DockerHost is the engine's address; "" is the default socket. Compose and the
	// engine's client must use the same engine.
	DockerHost string
	// Docker is the docker command; "" looks for it in PATH.
	Docker string
	// Workloads are the services of the project that may be observed and switched. A
	// service that is not [workload.Spec.Placed] can only be observed.
	Workloads []workload.Spec
	// Guard refuses files that an account may write although it may not do what the files
	// have done; nil refuses none.
	Guard func(paths ...string) error `json:"-"`
	// Placing is what to do about a service that is not placed, for people.
	Placing string
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	switch {
	case !filepath.IsAbs(c.Root):
		return fault.New(fault.ConfigInvalid, "the Compose project's folder %q is not an absolute path", c.Root)
	case !workload.ProjectName.Match(c.Project):
		return fault.New(fault.ConfigInvalid, "%q is not a Compose project name", c.Project)
	case len(c.Files) == 0:
		return fault.New(fault.ConfigInvalid, "the Compose project %s has no Compose file", c.Project)
	case !filepath.IsAbs(c.EnvFile):
		return fault.New(fault.ConfigInvalid, "the env file %q is not an absolute path", c.EnvFile)
	}
	for _, w := range c.Workloads {
		if w.Ref.Runtime() != workload.Compose || w.Ref.Scope() != c.Project || w.Kubernetes != nil {
			return fault.New(fault.ConfigInvalid, "%s is not a service of the Compose project %s", w.Ref, c.Project)
		}
	}
	return nil
}

const defaultDockerHost = "unix:///var/run/docker.sock"

// Engine is what the runtime needs of the Docker Engine; [engine.Client] has it.
type Engine interface {
	Info(ctx context.Context) (engine.Info, error)
	containers
	images
}

type containers interface {
	Containers(ctx context.Context, project, service string) ([]engine.Container, error)
	AllContainers(ctx context.Context) ([]workload.Neighbour, error)
	OnNetwork(ctx context.Context, network string) ([]workload.Neighbour, error)
	Container(ctx context.Context, id string) (engine.Container, error)
	RenameContainer(ctx context.Context, id, name string) error
	RemoveContainer(ctx context.Context, id string) error
	Logs(ctx context.Context, id string, o engine.Output) ([]string, error)
	StartContainer(ctx context.Context, id string) error
	StopContainer(ctx context.Context, id string) error
	blueprints
}

// blueprints are the create requests of containers, and what holds their images.
type blueprints interface {
	Blueprint(ctx context.Context, id string) (*engine.Blueprint, error)
	Build(ctx context.Context, b *engine.Blueprint, name string) (id string, err error)
	Rejoin(ctx context.Context, b *engine.Blueprint, id string) error
	Hold(ctx context.Context, b *engine.Blueprint, name, change string) error
	Held(ctx context.Context, name, change string) (*engine.Blueprint, error)
	Holding(ctx context.Context, name string) (change string, err error)
	Release(ctx context.Context, name string) error
}

type images interface {
	Image(ctx context.Context, ref string) (engine.Image, error)
	ImagesNamed(ctx context.Context, repository string) ([]engine.Image, error)
	Tag(ctx context.Context, id, ref string) error
	Untag(ctx context.Context, ref string) error
}

// Stager brings an image into the engine under a tag; [stage.Puller] implements it.
type Stager interface {
	Stage(ctx context.Context, image artifact.Pinned, tag string, emit func(workload.Event)) error
}

// Runtime is a Compose project on this host.
type Runtime struct {
	config Config
	docker string
	env    []string
	engine Engine
	stager Stager
	prober *probe.Prober
	limits limits
	known  atomic.Pointer[known]
	looks  singleflight.Group
	agreed atomic.Pointer[agreed]
}

// limits are how long things may take.
type limits struct {
	// read is for Compose commands that change nothing.
	read time.Duration
	// recreate bounds Compose from start to end. The bound is beside plus the time that the
	// container may take to stop, if that is more. Compose is stopped after it.
	recreate, beside time.Duration
	// grace is what is left of that once the caller has given up: a recreate that
	// is under way ends sooner than it could be repaired.
	grace time.Duration
	// kill is the time between asking a command to stop and killing it.
	kill time.Duration
	// settle is how long a container may take to run after it was put back.
	settle time.Duration
}

// New returns the runtime of the project. It finds the docker command and runs
// nothing.
func New(c Config, e Engine, s Stager) (*Runtime, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.DockerHost == "" {
		c.DockerHost = defaultDockerHost
	}
	docker, err := findDocker(c.Docker)
	if err != nil {
		return nil, err
	}
	return &Runtime{
		config: c, docker: docker, engine: e, stager: s, prober: probe.New(0), limits: usual(), env: environment(c.DockerHost),
	}, nil
}

// usual are the limits outside of tests.
func usual() limits {
	return limits{read: time.Minute, recreate: 5 * time.Minute, beside: 2 * time.Minute, grace: 90 * time.Second, kill: 10 * time.Second, settle: time.Minute}
}

// findDocker returns the absolute path of the docker command; "" looks for it in PATH.
func findDocker(name string) (string, error) {
	path, err := exec.LookPath(cmp.Or(name, "docker"))
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", fault.New(fault.EngineUnavailable, "the docker command: %w", err).
			WithHint("install Docker's command line and its Compose plugin")
	}
	return path, nil
}

// environment returns all variables that Compose gets besides the env file's: a variable of
// the caller would override the file's variable of that name.
func environment(dockerHost string) []string {
	env := []string{"DOCKER_HOST=" + dockerHost}
	for _, name := range []string{"PATH", "HOME", "DOCKER_CONFIG"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// Stage implements [confirm.Runtime].
func (r *Runtime) Stage(ctx context.Context, ref workload.Ref, image artifact.Pinned, emit func(workload.Event)) error {
	spec, err := r.Placement(ref)
	if err != nil {
		return err
	}
	return r.stager.Stage(ctx, image, commitTag(spec, image.Commit), emit)
}

// Placement implements [confirm.Runtime].
func (r *Runtime) Placement(ref workload.Ref) (workload.Spec, error) {
	spec, err := r.find(ref)
	if err == nil && !spec.Placed() {
		return workload.Spec{}, fault.New(fault.WorkloadUnfit, "the configuration of this host names %s and does not say how it is stamped and asked", ref).
			WithHint("%s", r.config.Placing)
	}
	return spec, err
}

// find returns what the configuration holds about a workload.
func (r *Runtime) find(ref workload.Ref) (workload.Spec, error) {
	for _, w := range r.config.Workloads {
		if w.Ref == ref {
			return w, nil
		}
	}
	return workload.Spec{}, fault.New(fault.WorkloadNotFound, "this host has placed no %s", ref)
}

func commitTag(spec workload.Spec, commit artifact.Commit) string {
	return spec.Compose.Image + ":" + commit.String()
}
