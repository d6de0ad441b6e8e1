// Package placement is the part of agent.yaml that names the workloads of a host:
// how each is called, stamped and asked for its health. The agent reads it, the
// controller writes it from its catalog and compares the two. It is pure.
//
// Nothing of it travels in a request: a caller that could choose a container's name,
// a key or a port could reach what its role does not allow.
package placement

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Services are the services of a Compose project by their Compose names. A service
// without a value is a service of agent.yaml version 1: it can be observed, not switched.
type Services map[string]*Service

// Service is a Compose service.
type Service struct {
	Container string   `yaml:"container"`
	Image     string   `yaml:"image"`
	KeyPrefix string   `yaml:"keyPrefix"`
	Secrets   []string `yaml:"secrets,omitempty"`
	Probe     Probe    `yaml:"probe"`
}

// Probe is how a service is asked for its health.
type Probe struct {
	Port  int      `yaml:"port"`
	Path  string   `yaml:"path"`
	Flags []string `yaml:"flags,omitempty"`
}

// UnmarshalYAML reads the map of version 2, and the list of names of version 1.
func (s *Services) UnmarshalYAML(node *yaml.Node) error {
	*s = Services{}
	if node.Kind != yaml.SequenceNode {
		return node.Load((*map[string]*Service)(s), yaml.WithKnownFields(), yaml.WithUniqueKeys())
	}
	var names []string
	if err := node.Load(&names); err != nil {
		return err
	}
	for _, name := range names {
		if _, twice := (*s)[name]; twice {
			return fmt.Errorf("line %d: service %q is there twice", node.Line, name)
		}
		(*s)[name] = nil
	}
	return nil
}

// Specs returns the workloads of a Compose project, in the order of their names. The
// error lists every fault, each with its place in agent.yaml.
func (s Services) Specs(project string) (specs []workload.Spec, err error) {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s)) {
		ref, err := workload.NewRef(workload.Compose, project, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("projects.%s.services: %w", project, err))
			continue
		}
		spec := workload.Spec{Ref: ref}
		if service := s[name]; service != nil {
			for _, err := range service.faults() {
				errs = append(errs, fmt.Errorf("projects.%s.services.%s.%w", project, name, err))
			}
			spec = service.spec(ref)
		}
		specs = append(specs, spec)
	}
	return specs, errors.Join(errs...)
}

func (s Service) spec(ref workload.Ref) workload.Spec {
	return workload.Spec{
		Ref: ref, KeyPrefix: s.KeyPrefix, Secrets: s.Secrets, Probe: s.Probe.workload(),
		Compose: &workload.ComposeSpec{ContainerName: s.Container, Image: s.Image},
	}
}

func (p Probe) workload() workload.Probe {
	return workload.Probe{Port: p.Port, Path: p.Path, Flags: p.Flags}
}

func probeOf(p workload.Probe) Probe { return Probe{Port: p.Port, Path: p.Path, Flags: p.Flags} }

func (s Service) faults() []error {
	var f faults
	f.form("container", workload.ContainerName, s.Container)
	if _, err := artifact.ParseRepository(s.Image); err != nil {
		f.add("image: %q is not an image name without a tag", s.Image)
	}
	f.form("keyPrefix", workload.KeyPrefix, s.KeyPrefix)
	for _, key := range s.Secrets {
		f.form("secrets", workload.VariableKey, key)
	}
	f.probe("probe", s.Probe)
	return f
}

// faults are the faults of a service, each beginning with its key.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

func (f *faults) form(key string, form workload.Form, value string) {
	if !form.Match(value) {
		f.add("%s: %q is not a %s: %s", key, value, form, form.Want())
	}
}

func (f *faults) probe(key string, p Probe) {
	f.form(key+".path", workload.HealthPath, p.Path)
	for _, flag := range p.Flags {
		f.form(key+".flags", workload.FlagPath, flag)
	}
	if p.Port < 1 || p.Port > 65535 {
		f.add("%s.port: %d is not a port", key, p.Port)
	}
}

// Of returns the services part that makes a host's placement these workloads. Those
// of other runtimes and projects are left out.
func Of(project string, specs ...workload.Spec) Services {
	s := Services{}
	for _, spec := range specs {
		if spec.Compose == nil || spec.Ref.Scope() != project {
			continue
		}
		s[spec.Ref.Name()] = &Service{
			Container: spec.Compose.ContainerName, Image: spec.Compose.Image, KeyPrefix: spec.KeyPrefix, Secrets: spec.Secrets,
			Probe: probeOf(spec.Probe),
		}
	}
	return s
}

// YAML returns the services as lines for agent.yaml, each indented by this many
// blanks.
func (s Services) YAML(indent int) (string, error) {
	return lines(map[string]Services{"services": s}, indent)
}

// lines is a value as YAML, each line indented by this many blanks.
func lines(value any, indent int) (string, error) {
	b, err := yaml.Dump(value, yaml.WithIndent(2))
	if err != nil {
		return "", fault.New(fault.Internal, "write the placement: %w", err)
	}
	var out bytes.Buffer
	for line := range bytes.Lines(b) {
		out.Write(bytes.Repeat([]byte(" "), indent))
		out.Write(line)
	}
	return out.String(), nil
}
