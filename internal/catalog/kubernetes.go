package catalog

import (
	"cmp"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// deployment is an entry of a list of Deployments: a name, or a name and what is
// special about it.
type deployment struct {
	Name      string
	Container string
	Service   string
	Port      int
	Path      string
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (d *deployment) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Load(&d.Name)
	}
	type plain deployment
	return node.Load((*plain)(d), yaml.WithKnownFields(), yaml.WithUniqueKeys())
}

// kubernetes is what an environment names, and its shape's defaults for the rest.
// A Deployment that no list names has a Service of its own name; a Deployment of a list
// has the Service that its entry names, or none.
func (f *file) kubernetes(name, env string, probe workload.Probe, at place) *Kubernetes {
	s := f.Defaults.Shapes[K3s]
	in := f.Services[name].Environments[env].Kubernetes
	k := &Kubernetes{Namespace: cmp.Or(in.Namespace, s.Namespaces[env].Name), Auth: authSync(in.AuthSync, at.in("authSync"))}
	at.in("namespace").check(workload.KubernetesName.Match(k.Namespace), "%q is not a namespace", k.Namespace)
	at.in("port").check(in.Port >= 0 && in.Port < 65536, "%d is not a port", in.Port)
	probe.Port = cmp.Or(in.Port, probe.Port)
	list := in.Deployments
	if len(list) == 0 {
		own := name + s.Namespaces[env].Suffix
		list = []deployment{{Name: own, Service: cmp.Or(in.Service, own)}}
	} else {
		at.in("service").check(in.Service == "", "goes with no list: name the Service in the entry of its Deployment")
	}
	seen := map[string]bool{}
	for _, d := range list {
		k.Deployments = append(k.Deployments, d.spec(cmp.Or(in.Container, name), probe, at.in("deployments")))
		at.in("deployments").check(!seen[d.Name], "%q is there twice", d.Name)
		seen[d.Name] = true
	}
	return k
}

// spec is the Deployment; what its entry leaves out is as given.
func (d deployment) spec(container string, probe workload.Probe, at place) workload.DeploymentSpec {
	out := workload.DeploymentSpec{Name: d.Name, Container: cmp.Or(d.Container, container), Service: d.Service}
	at.check(workload.KubernetesName.Match(out.Name), "%q is not a Deployment's name", out.Name)
	at.check(workload.KubernetesName.Match(out.Container), "%q is not a container's name", out.Container)
	if d.Service == "" {
		at.check(d.Port == 0 && d.Path == "", "%s has a port or a path, and no service to ask there", d.Name)
		return out
	}
	probe.Port, probe.Path = cmp.Or(d.Port, probe.Port), cmp.Or(d.Path, probe.Path)
	at.check(workload.KubernetesName.Match(d.Service), "%q is not a Service's name", d.Service)
	at.check(probe.Port > 0 && probe.Port < 65536, "%d is not a port", probe.Port)
	at.check(workload.HealthPath.Match(probe.Path), "%q is not a plain URL path", probe.Path)
	out.Probe = probe
	return out
}
