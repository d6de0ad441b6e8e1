// Package compose switches a service of one Compose project on this host: the
// image's names, the deploy keys of the controlled env file, and then exactly
// `docker compose up` for that one service. It is a [confirm.Runtime]: it
// remembers nothing, and each of its acts may find the last one half done.
//
// Two dangers shape it. Compose stopped in the middle of a recreate leaves the
// service down, so it runs apart from us: a process group of its own, no pipe that
// could break, the workload's lock in its hands; a killed controller's Compose
// comes to its end. And Compose takes orders from its environment and from the env
// file, so it gets an environment that is ours alone, and an env file that
// redirects the project is refused.
package compose

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/probe"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Config says where a project is on this host.
type Config struct {
	// Root is the project's folder, absolute.
	Root string
	// Project is the project's name.
	Project string
	// Files are the Compose files, absolute or below Root, in their order.
	Files []string
	// EnvFile is the controlled env file, absolute.
	EnvFile string
	// DockerHost is the engine's address; "" is the default socket. Compose and
	// the engine's client must mean the same one.
	DockerHost string
	// Docker is the docker command; "" looks for it in PATH.
	Docker string
}

var projectForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	switch {
	case !filepath.IsAbs(c.Root):
		return fault.New(fault.ConfigInvalid, "the Compose project's folder %q is not an absolute path", c.Root)
	case !projectForm.MatchString(c.Project):
		return fault.New(fault.ConfigInvalid, "%q is not a Compose project name", c.Project)
	case len(c.Files) == 0:
		return fault.New(fault.ConfigInvalid, "the Compose project %s has no Compose file", c.Project)
	case !filepath.IsAbs(c.EnvFile):
		return fault.New(fault.ConfigInvalid, "the env file %q is not an absolute path", c.EnvFile)
	}
	return nil
}

const defaultDockerHost = "unix:///var/run/docker.sock"

// Engine is what is asked of the Docker Engine; [engine.Client] is one.
type Engine interface {
	Info(ctx context.Context) (engine.Info, error)
	containers
	images
}

type containers interface {
	Containers(ctx context.Context, project, service string) ([]engine.Container, error)
	AllContainers(ctx context.Context) ([]workload.Container, error)
	Container(ctx context.Context, id string) (engine.Container, error)
	RenameContainer(ctx context.Context, id, name string) error
	RemoveContainer(ctx context.Context, id string) error
	Logs(ctx context.Context, id string, lines, maxBytes int) ([]string, error)
}

type images interface {
	Image(ctx context.Context, ref string) (engine.Image, error)
	Tag(ctx context.Context, id, ref string) error
	Untag(ctx context.Context, ref string) error
}

// Stager brings an image into the engine under a tag; [stage.Stager] is one.
type Stager interface {
	Stage(ctx context.Context, image artifact.Image, tag string, emit func(workload.Event)) (stage.Staged, error)
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
}

// limits are how long things may take.
type limits struct {
	// read is for Compose commands that change nothing.
	read time.Duration
	// recreate is for Compose from start to end; afterwards it is stopped.
	recreate time.Duration
	// grace is what is left of that once the caller has given up: a recreate that
	// is under way ends sooner than it could be repaired.
	grace time.Duration
	// settle is for a container to run after it was put back.
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
	if c.Docker == "" {
		c.Docker = "docker"
	}
	docker, err := exec.LookPath(c.Docker)
	if err == nil {
		docker, err = filepath.Abs(docker)
	}
	if err != nil {
		return nil, fault.New(fault.EngineUnavailable, "the docker command: %w", err).
			WithHint("install Docker's command line and its Compose plugin")
	}
	r := &Runtime{
		config: c, docker: docker, engine: e, stager: s, prober: probe.New(0),
		limits: limits{read: time.Minute, recreate: 5 * time.Minute, grace: 90 * time.Second, settle: time.Minute},
	}
	r.env = environment(c.DockerHost)
	return r, nil
}

// environment is all that Compose gets to see besides the env file: a variable of
// the caller's would beat the one of that name in the file.
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
func (r *Runtime) Stage(ctx context.Context, spec workload.Spec, image artifact.Image, emit func(workload.Event)) error {
	if err := r.owns(spec); err != nil {
		return err
	}
	_, err := r.stager.Stage(ctx, image, commitTag(spec, image.Commit), emit)
	return err
}

// owns refuses a workload of another project.
func (r *Runtime) owns(spec workload.Spec) error {
	if c := spec.Ref.Compose; c == nil || c.Project != r.config.Project {
		return fault.New(fault.WorkloadNotFound, "this host has the Compose project %s only", r.config.Project)
	}
	return nil
}

func commitTag(spec workload.Spec, commit artifact.Commit) string {
	return spec.Image + ":" + commit.String()
}
