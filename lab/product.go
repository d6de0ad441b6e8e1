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
)

// Agent is the product's agent, running on what plays D601.
type Agent struct {
	Program string
	Socket  string
	Config  string

	dir  string
	proc *Proc
}

// newAgent writes agent.yaml; who runs the lab may do everything.
func newAgent(program, dir string, registry *Registry) (*Agent, error) {
	a := &Agent{Program: program, Socket: filepath.Join(dir, "agent.sock"), Config: filepath.Join(dir, "agent.yaml"), dir: dir}
	return a, a.WriteConfig(registry.URL(), map[string][]int{"admin": {os.Getuid()}})
}

// WriteConfig writes agent.yaml with other roles; the agent reads it when it starts.
func (a *Agent) WriteConfig(registry string, roles map[string][]int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nsocket: %s\nregistry: %s\nroles:\n", a.Socket, registry)
	for _, role := range []string{"admin", "operate", "read"} {
		if uids := roles[role]; len(uids) > 0 {
			fmt.Fprintf(&b, "  %s: [%s]\n", role, strings.Trim(strings.ReplaceAll(fmt.Sprint(uids), " ", ", "), "[]"))
		}
	}
	if err := os.WriteFile(a.Config, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("configure the agent: %w", err)
	}
	return nil
}

// Start starts the agent and waits until its socket answers.
func (a *Agent) Start(ctx context.Context) (err error) {
	if a.proc, err = startProc(daemon{
		name: "unidesk-agent", log: filepath.Join(a.dir, "agent.log"), env: cleanEnv(),
		argv: []string{a.Program, "serve", "--config", a.Config},
	}); err != nil {
		return err
	}
	if err := a.proc.ready(ctx, 15*time.Second, dial("unix", a.Socket)); err != nil {
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
	// Config is the folder for --config, State the one that controller.yaml names.
	Config, State string

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

func newController(program, repo, dir string, s ControllerSettings) (*Controller, error) {
	c := &Controller{Program: program, Config: filepath.Join(dir, "etc"), State: filepath.Join(dir, "state"), env: cleanEnv("DOCKER_CONFIG=" + s.Master.Engine.DockerConfig())}
	for _, folder := range []string{c.Config, c.State} {
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return nil, fmt.Errorf("configure the controller: %w", err)
		}
	}
	return c, c.Write(repo, s)
}

// Write writes controller.yaml and services.yaml.
func (c *Controller) Write(repo string, s ControllerSettings) error {
	content := fmt.Sprintf(`version: 1
state: %s
registryHost: %s
hosts:
  %[2]s:
    ssh:
      destination: %[2]s
      configFile: %s
      command: [%s]
master:
  root: %s
  config: config.json
  project: %s
  composeFiles: [docker-compose.yml]
  docker: %s
`, c.State, HostAlias, s.SSHConfig, strings.Join(s.Command, ", "), s.Master.Root, s.Master.Project, s.Master.Engine.Host)
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

var catalogName = regexp.MustCompile(`\b(container|image): ([a-z0-9-]+)`)

// prefixServices gives the catalog's containers and images the lab's prefix, and
// its registry the lab's port.
func prefixServices(prefix, registry string) func([]byte) []byte {
	return func(builtin []byte) []byte {
		b := catalogName.ReplaceAll(builtin, []byte("${1}: "+prefix+"${2}"))
		return []byte(strings.ReplaceAll(string(b), "127.0.0.1:5000", registry))
	}
}
