package placement

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Namespace are the services that Kubernetes runs in a namespace, by their ids.
type Namespace map[string]*Rollout

// Rollout is a service: the Deployments that move together.
type Rollout struct {
	KeyPrefix   string       `yaml:"keyPrefix"`
	Sync        *Sync        `yaml:"sync,omitempty"`
	Deployments []Deployment `yaml:"deployments"`
}

// Deployment is a Deployment of a service. Service and Probe are left out together.
type Deployment struct {
	Name      string `yaml:"name"`
	Container string `yaml:"container"`
	Service   string `yaml:"service,omitempty"`
	Probe     *Probe `yaml:"probe,omitempty"`
}

// Sync names the objects that take configuration before a rollout, and their keys.
type Sync struct {
	Secret      string   `yaml:"secret"`
	Credentials []string `yaml:"credentials"`
	ConfigMap   string   `yaml:"configMap"`
	Settings    []string `yaml:"settings,omitempty"`
}

// Specs returns the workloads of a namespace, in the order of their names. The error
// lists every fault, each with its place in agent.yaml.
func (n Namespace) Specs(namespace string) (specs []workload.Spec, err error) {
	var errs []error
	holders := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(n)) {
		at := "kubernetes.namespaces." + namespace + ".services"
		ref, err := workload.NewRef(workload.Kubernetes, namespace, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
			continue
		}
		if n[name] == nil {
			errs = append(errs, fmt.Errorf("%s.%s: says nothing", at, name))
			continue
		}
		for _, err := range n[name].faults(name, holders) {
			errs = append(errs, fmt.Errorf("%s.%s.%w", at, name, err))
		}
		specs = append(specs, n[name].spec(ref))
	}
	return specs, errors.Join(errs...)
}

func (r Rollout) spec(ref workload.Ref) workload.Spec {
	k := &workload.KubernetesSpec{}
	for _, d := range r.Deployments {
		one := workload.DeploymentSpec{Name: d.Name, Container: d.Container, Service: d.Service}
		if d.Probe != nil {
			one.Probe = d.Probe.workload()
		}
		k.Deployments = append(k.Deployments, one)
	}
	if s := r.Sync; s != nil {
		k.Sync = &workload.ConfigSync{Secret: s.Secret, ConfigMap: s.ConfigMap, Credentials: s.Credentials, Settings: s.Settings}
	}
	return workload.Spec{Ref: ref, KeyPrefix: r.KeyPrefix, Kubernetes: k}
}

// faults are those of the service. holders are the Deployments that services seen
// before have.
func (r Rollout) faults(service string, holders map[string]string) []error {
	var f faults
	f.form("keyPrefix", workload.KeyPrefix, r.KeyPrefix)
	if len(r.Deployments) == 0 {
		f.add("deployments: none")
	}
	for _, d := range r.Deployments {
		f.form("deployments.name", workload.KubernetesName, d.Name)
		f.form("deployments.container", workload.KubernetesName, d.Container)
		if (d.Service == "") != (d.Probe == nil) {
			f.add("deployments: %s has a service or a probe without the other", d.Name)
		}
		if d.Service != "" {
			f.form("deployments.service", workload.KubernetesName, d.Service)
		}
		if d.Probe != nil {
			f.probe("deployments.probe", *d.Probe)
		}
		if other, taken := holders[d.Name]; taken {
			f.add("deployments: %s is of %s, too", d.Name, other)
		}
		holders[d.Name] = service
	}
	if s := r.Sync; s != nil {
		f.form("sync.secret", workload.KubernetesName, s.Secret)
		f.form("sync.configMap", workload.KubernetesName, s.ConfigMap)
		if len(s.Credentials) == 0 {
			f.add("sync.credentials: none")
		}
		for _, key := range slices.Concat(s.Credentials, s.Settings) {
			f.form("sync", workload.DataKey, key)
		}
	}
	return f
}

// OfNamespace returns the services of a namespace that make a host's placement these
// workloads. Those of other runtimes and namespaces are left out.
func OfNamespace(namespace string, specs ...workload.Spec) Namespace {
	n := Namespace{}
	for _, spec := range specs {
		k := spec.Kubernetes
		if k == nil || spec.Ref.Scope() != namespace {
			continue
		}
		r := &Rollout{KeyPrefix: spec.KeyPrefix}
		for _, d := range k.Deployments {
			one := Deployment{Name: d.Name, Container: d.Container, Service: d.Service}
			if d.Service != "" {
				p := probeOf(d.Probe)
				one.Probe = &p
			}
			r.Deployments = append(r.Deployments, one)
		}
		if s := k.Sync; s != nil {
			r.Sync = &Sync{Secret: s.Secret, Credentials: s.Credentials, ConfigMap: s.ConfigMap, Settings: s.Settings}
		}
		n[spec.Ref.Name()] = r
	}
	return n
}

// YAML returns the services as lines for agent.yaml, each indented by this many
// blanks.
func (n Namespace) YAML(indent int) (string, error) {
	return lines(map[string]Namespace{"services": n}, indent)
}
