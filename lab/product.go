package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
)

// Agent is the product's agent, running on what plays D601.
type Agent struct {
	Program string
	Socket  string
	Config  string

	dir    string
	engine *Engine
	proc   *Proc
}

// newAgent writes agent.yaml: who runs the lab may do everything, and the services
// of D601 are placed in projects below dir, on the engine that plays D601's.
func newAgent(program, dir, sample, prefix string, registry *Registry, engine *Engine) (*Agent, error) {
	a := &Agent{Program: program, Socket: filepath.Join(dir, "agent.sock"), Config: filepath.Join(dir, "agent.yaml"), dir: dir, engine: engine}
	config := agentConfig{
		Version: 2, Socket: a.Socket, Registry: registry.URL(), Docker: strings.TrimPrefix(engine.Host, "unix://"), State: filepath.Join(dir, "state"),
		Roles: map[string][]int{"admin": {os.Getuid()}}, Projects: map[string]agentProject{},
	}
	for _, s := range servicesOfD601() {
		root := filepath.Join(dir, "projects", s.id)
		if err := layOutProject(filepath.Join(sample, "d601", s.id+".yaml"), root, prefix); err != nil {
			return nil, fmt.Errorf("place %s on D601: %w", s.id, err)
		}
		config.Projects[prefix+s.id] = agentProject{
			Root: root, Files: []string{"docker-compose.yml"}, EnvFile: filepath.Join(root, ".state", "compose.env"),
			Services: placement.Services{s.id: s.placed(prefix)},
		}
	}
	content, err := yaml.Dump(config)
	if err == nil {
		err = os.WriteFile(a.Config, content, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("configure the agent: %w", err)
	}
	return a, nil
}

// agentConfig is agent.yaml, agentProject a project in it.
type agentConfig struct {
	Version                         int
	Socket, Registry, Docker, State string
	Roles                           map[string][]int
	Projects                        map[string]agentProject
}

type agentProject struct {
	Root     string
	Files    []string
	EnvFile  string `yaml:"envFile"`
	Services placement.Services
}

// layOutProject makes a project's folder of a sample's Compose file, with an env file.
func layOutProject(sample, root, prefix string) error {
	b, err := os.ReadFile(sample)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, ".state"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "docker-compose.yml"), composeName.ReplaceAll(b, []byte("${1}"+prefix+"${2}")), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, ".state", "compose.env"), []byte("SOMETHING=else\n"), 0o600)
}

// Start starts the agent and waits until its socket answers.
func (a *Agent) Start(ctx context.Context) (err error) {
	if a.proc, err = startProc(daemon{
		name: "unidesk-agent", log: filepath.Join(a.dir, "agent.log"), env: cleanEnv("DOCKER_CONFIG=" + a.engine.DockerConfig()),
		argv: []string{a.Program, "serve", "--config", a.Config},
	}); err != nil {
		return err
	}
	if err := a.proc.Ready(ctx, 15*time.Second, dial("unix", a.Socket)); err != nil {
		return errors.Join(err, a.Stop())
	}
	return nil
}

// Stop ends the agent.
func (a *Agent) Stop() error {
	if a == nil {
		return nil
	}
	return a.proc.Stop(10 * time.Second)
}

// Proc is the running agent's process, for tests that kill or measure it.
func (a *Agent) Proc() *Proc { return a.proc }

// Stdio is the command that joins a connection to the agent's socket.
func (a *Agent) Stdio() []string { return []string{a.Program, "stdio", "--socket", a.Socket} }

// Controller is the product's command on the master with its configuration folder.
type Controller struct {
	Program string
	// Config is the folder for --config, State the folder that controller.yaml names.
	Config, State string
	// Supervisor is the key of the person who may sign grants.
	Supervisor string

	env []string
}

// ControllerSettings are what controller.yaml is made of; a test changes some
// and calls [Controller.Write] again.
type ControllerSettings struct {
	SSHConfig string
	Command   []string
	Master    *Master
	Registry  *Registry
	// Services turns the built-in services.yaml into this lab's.
	Services func(builtin []byte) []byte
}

func newController(ctx context.Context, program, repo, dir string, s ControllerSettings) (*Controller, error) {
	c := &Controller{
		Program: program, Config: filepath.Join(dir, "etc"), State: filepath.Join(dir, "state"), Supervisor: filepath.Join(dir, "supervisor"),
		env: cleanEnv("DOCKER_CONFIG=" + s.Master.Engine.DockerConfig()),
	}
	for _, folder := range []string{c.Config, c.State} {
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return nil, fmt.Errorf("configure the controller: %w", err)
		}
	}
	if _, err := run(ctx, "", cleanEnv(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", c.Supervisor); err != nil {
		return nil, fmt.Errorf("make the supervisor's key: %w", err)
	}
	public, err := os.ReadFile(c.Supervisor + ".pub")
	if err == nil {
		err = os.WriteFile(c.signers(), append([]byte("alice@example.org "), public...), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("allow the supervisor: %w", err)
	}
	return c, c.Write(repo, s)
}

func (c *Controller) signers() string { return filepath.Join(c.Config, "allowed_signers") }

// Write writes controller.yaml and services.yaml.
func (c *Controller) Write(repo string, s ControllerSettings) error {
	// The quota is for a machine with little free space.
	content := fmt.Sprintf(`version: 1
state: %s
spoolQuota: 4294967296
allowedSigners: %s
registryHost: %s
hosts:
  %[3]s:
    ssh:
      destination: %[3]s
      configFile: %s
      command: [%s]
master:
  root: %s
  config: config.json
  project: %s
  composeFiles: [docker-compose.yml]
  docker: %s
registry: {endpoint: %q}
`, c.State, c.signers(), HostAlias, s.SSHConfig, strings.Join(s.Command, ", "), s.Master.Root, s.Master.Project, s.Master.Engine.Host, s.Registry.Addr)
	if err := os.WriteFile(filepath.Join(c.Config, "controller.yaml"), []byte(content), 0o600); err != nil {
		return fmt.Errorf("configure the controller: %w", err)
	}
	builtin, err := os.ReadFile(filepath.Join(repo, "internal", "catalog", "services.yaml"))
	if err != nil {
		return fmt.Errorf("configure the controller: %w", err)
	}
	change := s.Services
	if change == nil {
		change = prefixServices(s.Master.Prefix, s.Registry.Addr)
	}
	if err := os.WriteFile(filepath.Join(c.Config, "services.yaml"), change(builtin), 0o600); err != nil {
		return fmt.Errorf("configure the controller: %w", err)
	}
	return nil
}

// Env is the environment in which the controller's own docker compose finds its
// plugin, and nothing that would lead it to another engine or project.
func (c *Controller) Env() []string { return c.env }

// Run runs a controller command; args come after --config.
func (c *Controller) Run(ctx context.Context, args ...string) (stdout string, err error) {
	return run(ctx, "", c.env, append([]string{c.Program, "--config", c.Config}, args...)...)
}

// Command is a controller command that is not started yet, for tests that kill
// it or read along.
func (c *Controller) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Program, append([]string{"--config", c.Config}, args...)...)
	cmd.Env = c.env
	return cmd
}

var catalogName = regexp.MustCompile(`\b(project|container|image): ([a-z0-9-]+)`)

// prefixServices gives the catalog's projects, containers and images the lab's
// prefix, and its registry the lab's port.
func prefixServices(prefix, registry string) func([]byte) []byte {
	return func(builtin []byte) []byte {
		b := catalogName.ReplaceAll(builtin, []byte("${1}: "+prefix+"${2}"))
		return []byte(strings.ReplaceAll(string(b), "127.0.0.1:5000", registry))
	}
}
