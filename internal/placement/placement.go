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

// Service is one Compose service.
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
		Ref: ref, KeyPrefix: s.KeyPrefix, Secrets: s.Secrets,
		Probe:   workload.Probe{Port: s.Probe.Port, Path: s.Probe.Path, Flags: s.Probe.Flags},
		Compose: &workload.ComposeSpec{ContainerName: s.Container, Image: s.Image},
	}
}

func (s Service) faults() (errs []error) {
	form := func(key string, f workload.Form, value string) {
		if !f.Match(value) {
			errs = append(errs, fmt.Errorf("%s: %q is not a %s: %s", key, value, f, f.Want()))
		}
	}
	form("container", workload.ContainerName, s.Container)
	if _, err := artifact.ParseRepository(s.Image); err != nil {
		errs = append(errs, fmt.Errorf("image: %q is not an image name without a tag", s.Image))
	}
	form("keyPrefix", workload.KeyPrefix, s.KeyPrefix)
	for _, key := range s.Secrets {
		form("secrets", workload.VariableKey, key)
	}
	form("probe.path", workload.HealthPath, s.Probe.Path)
	for _, flag := range s.Probe.Flags {
		form("probe.flags", workload.FlagPath, flag)
	}
	if s.Probe.Port < 1 || s.Probe.Port > 65535 {
		errs = append(errs, fmt.Errorf("probe.port: %d is not a port", s.Probe.Port))
	}
	return errs
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
			Probe: Probe{Port: spec.Probe.Port, Path: spec.Probe.Path, Flags: spec.Probe.Flags},
		}
	}
	return s
}

// YAML returns the services as lines for agent.yaml, each indented by this many
// blanks.
func (s Services) YAML(indent int) (string, error) {
	b, err := yaml.Dump(map[string]Services{"services": s}, yaml.WithIndent(2))
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
