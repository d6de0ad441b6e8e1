package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/pull"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Project is where a Compose project is on this host, and what of it may be switched.
// No message carries any of that.
type Project struct {
	// Root is the project's folder.
	Root string `yaml:"root"`
	// Files are its Compose files, absolute or below Root.
	Files []string `yaml:"files"`
	// EnvFile is the controlled env file.
	EnvFile string `yaml:"envFile"`
	// Services are those that may be observed and switched; no other is.
	Services placement.Services `yaml:"services"`
}

// placing is what to do about a service that agent.yaml names and no more.
const placing = "on this host, as root: say in /etc/unidesk/agent.yaml how the service is stamped and asked; " +
	"on the controller's machine `unidesk-controller host placement HOST` prints the lines; then systemctl restart unidesk-agent"

// compose is the project as the runtime wants it.
func (p Project) compose(name, docker string) (compose.Config, error) {
	workloads, err := p.Services.Specs(name)
	return compose.Config{
		Root: p.Root, Project: name, Files: p.Files, EnvFile: p.EnvFile, DockerHost: "unix://" + docker,
		Workloads: workloads, Placing: placing,
	}, err
}

// validateProjects reports every fault of the projects.
func (c Config) validateProjects() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Projects)) {
		p := c.Projects[name]
		project, err := p.compose(name, c.Docker)
		if err != nil {
			errs = append(errs, err)
		}
		if err := project.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("projects.%s: %w", name, err))
		}
		if len(p.Services) == 0 {
			errs = append(errs, fmt.Errorf("projects.%s.services: none, so that nothing of it could be switched", name))
		}
		for _, s := range slices.Sorted(maps.Keys(p.Services)) {
			if placed := p.Services[s] != nil; placed != (c.Version == version) {
				errs = append(errs, fmt.Errorf("projects.%s.services: version 1 has a list of names, version 2 says of each service how it is placed", name))
				break
			}
		}
	}
	if len(c.Projects) > 0 && (c.Docker == "" || c.Registry == "") {
		errs = append(errs, errors.New("projects: they need docker and registry, too: images are pulled from the one into the other"))
	}
	return errors.Join(errs...)
}

// placed is all that is placed here: it leads to the project that a message names, and
// knows no other. It answers a project or service that is not placed as if it did not
// exist; the containers of such a project are listed beside those of a placed project.
type placed struct {
	engine   *engine.Client // nil without projects
	projects map[string]place
	// cluster is nil if the host has none; unserved is why it cannot be served.
	cluster  *cluster
	unserved error
}

type place struct {
	services placement.Services
	target   workload.Target
	fault    error // why it has no target
	watch    func(context.Context)
}

// newPlaced puts the projects' targets together. A project that cannot be served now
// answers each call with the reason: the rest of the agent does not depend on it.
func newPlaced(c Config, images *pull.Registry, logger *slog.Logger) (*placed, error) {
	p := &placed{projects: make(map[string]place)}
	if c.Kubernetes != nil {
		var err error
		if p.cluster, err = newCluster(c, images, logger); err != nil {
			p.unserved = unservedCluster(err)
			logger.Error("the cluster cannot be served", slog.Any("err", p.unserved), slog.String("hint", fault.HintOf(p.unserved)))
		}
	}
	if len(c.Projects) == 0 {
		return p, nil
	}
	e, err := engine.New("unix://" + c.Docker)
	if err != nil {
		return nil, err
	}
	registry, err := url.Parse(c.Registry)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "registry: %w", err)
	}
	accounts, err := newRoles(c.Roles)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "%w", err)
	}
	p.engine = e
	for name, project := range c.Projects {
		journal := logger.With(slog.String("project", name))
		config, err := project.compose(name, c.Docker)
		if err != nil {
			return nil, fault.New(fault.ConfigInvalid, "%w", err)
		}
		config.Guard = accounts.guard
		r, err := compose.New(config, e, stage.NewPuller(e, registry.Host, images.Ping))
		if err != nil {
			journal.Error("the project cannot be served", slog.Any("err", err), slog.String("hint", fault.HintOf(err)))
			p.projects[name] = place{services: project.Services, fault: err}
			continue
		}
		target := confirm.New(r, filepath.Join(c.State, "changes", name))
		target.Lease = confirm.Lease
		p.projects[name] = place{services: project.Services, target: located{target, name}, watch: func(ctx context.Context) { target.Watch(ctx, journal) }}
	}
	return p, nil
}

// located is the target of a project. A failure that its files cause, and that has no hint,
// names the section of agent.yaml that has their paths.
type located struct {
	workload.Target
	project string
}

// Observe implements [workload.Target].
func (l located) Observe(ctx context.Context, ref workload.Ref, probe bool) (workload.Observation, error) {
	o, err := l.Target.Observe(ctx, ref, probe)
	o.Unread = l.explain(o.Unread)
	if o.EnvFile != nil && o.EnvFile.What != "" && o.EnvFile.Fix == "" {
		o.EnvFile = &workload.Obstacle{What: o.EnvFile.What, Fix: l.hint()}
	}
	return o, l.explain(err)
}

// Stage implements [workload.Target].
func (l located) Stage(ctx context.Context, ref workload.Ref, image artifact.Pinned, emit func(workload.Event)) error {
	return l.explain(l.Target.Stage(ctx, ref, image, emit))
}

// Switch implements [workload.Target].
func (l located) Switch(ctx context.Context, change workload.Change, emit func(workload.Event)) error {
	return l.explain(l.Target.Switch(ctx, change, emit))
}

// Logs implements [workload.Target].
func (l located) Logs(ctx context.Context, ref workload.Ref, instance string, tail workload.Tail) (workload.Output, error) {
	printed, err := l.Target.Logs(ctx, ref, instance, tail)
	return printed, l.explain(err)
}

func (l located) explain(err error) error {
	switch fault.ReasonOf(err) {
	case fault.EnvFileInvalid, fault.PathRefused:
		if fault.HintOf(err) == "" && fault.ActionOf(err) == "" {
			f := fault.New(fault.ReasonOf(err), "%w", err).WithHint("%s", l.hint())
			f.Retry = fault.Retryable(err)
			return f
		}
	}
	return err
}

func (l located) hint() string {
	return "on the agent's host, as root: fix it, or where /etc/unidesk/agent.yaml says that it is (projects." + l.project + ": root, files, envFile), then systemctl restart unidesk-agent"
}

// watch reverts, until ctx ends, the changes that no run settles.
func (p *placed) watch(ctx context.Context) {
	var wg sync.WaitGroup
	for _, one := range p.projects {
		if one.watch != nil {
			wg.Go(func() { one.watch(ctx) })
		}
	}
	if p.cluster != nil {
		wg.Go(func() { p.cluster.run(ctx) })
	}
	wg.Wait()
}

// close ends the connections.
func (p *placed) close() {
	if p.engine != nil {
		_ = p.engine.Close()
	}
	if p.cluster != nil {
		p.cluster.close()
	}
}

// find leads to the target of a workload.
func (p *placed) find(_ context.Context, ref workload.Ref) (workload.Target, error) {
	switch {
	case ref.Runtime() == workload.Compose:
		one := p.projects[ref.Scope()]
		if _, ok := one.services[ref.Name()]; ok {
			return one.target, one.fault
		}
	case p.unserved != nil:
		return nil, p.unserved
	case p.cluster != nil && p.cluster.has(ref):
		return p.cluster.target, nil
	}
	return nil, fault.New(fault.WorkloadNotFound, "this host has placed no such workload").
		WithHint("the host's agent.yaml lists what may be switched there, under projects and kubernetes; see what it lacks").WithAction(fault.Examine)
}
