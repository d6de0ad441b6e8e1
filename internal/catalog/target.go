package catalog

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Shape is how a service runs.
type Shape string

// The shapes.
const (
	// MasterCompose runs in the master's Compose project.
	MasterCompose Shape = "master-compose"
	// D601Compose runs in a Compose project of the registry's own host.
	D601Compose Shape = "d601-compose"
	// K3s runs as Deployments of D601's native k3s.
	K3s Shape = "k3s"
	// Infrastructure is what the other shapes need in order to run. Its artifact is
	// looked at; nothing is known here of how it is deployed.
	Infrastructure Shape = "infrastructure"
)

// Shapes are all of them.
func Shapes() []Shape { return []Shape{MasterCompose, D601Compose, K3s, Infrastructure} }

// Master is the name of the host that the controller itself runs on.
const Master = "master"

// Target is where a service runs. Of Compose and Kubernetes only the field of its shape
// is set, if any; a zero target is none.
type Target struct {
	Shape Shape
	Host  string
	// Platform is what the image must be for if the host is not asked.
	Platform   artifact.Platform
	Compose    *Compose
	Kubernetes *Kubernetes
}

// Compose names a service of a Compose project.
type Compose struct {
	// Project is Compose's; "" is the project that the master is configured with.
	Project   string
	Service   string
	Container string
	Image     string
}

// Kubernetes names Deployments.
type Kubernetes struct {
	Namespace string
	// Auth is brought into the namespace before the rollout; nil if nothing is.
	Auth *AuthSync
	// Deployments has an entry at least. They move together.
	Deployments []workload.DeploymentSpec
}

// Names returns a name for each thing that a deploy touches.
func (t Target) Names() []string {
	names := []string{}
	switch {
	case t.Compose != nil:
		names = append(names, fmt.Sprintf("composeService=%s containerName=%s on %s", t.Compose.Service, t.Compose.Container, t.Host))
	case t.Kubernetes != nil:
		for _, d := range t.Kubernetes.Deployments {
			names = append(names, fmt.Sprintf("deployment %s/%s on %s", t.Kubernetes.Namespace, d.Name, t.Host))
		}
		if a := t.Kubernetes.Auth; a != nil {
			names = append(names, a.names(t.Kubernetes.Namespace, t.Host)...)
		}
	}
	return names
}

// holds are the things that no other target may have, too.
func (t Target) holds() (things []string) {
	if c := t.Compose; c != nil {
		things = append(things, fmt.Sprintf("service %s of Compose project %s on %s", c.Service, cmp.Or(c.Project, "(the configured one)"), t.Host),
			fmt.Sprintf("container %s on %s", c.Container, t.Host))
	}
	if k := t.Kubernetes; k != nil {
		for _, d := range k.Deployments {
			things = append(things, fmt.Sprintf("deployment %s/%s on %s", k.Namespace, d.Name, t.Host))
		}
	}
	return things
}

// Beside reports whether two targets are in the same Compose project or the same
// Kubernetes namespace.
func (t Target) Beside(o Target) bool {
	switch {
	case t.Host != o.Host:
		return false
	case t.Compose != nil && o.Compose != nil:
		return t.Compose.Project == o.Compose.Project
	case t.Kubernetes != nil && o.Kubernetes != nil:
		return t.Kubernetes.Namespace == o.Kubernetes.Namespace
	}
	return false
}

// KeyPrefix begins the deploy keys of a service: UNIDESK_<SERVICE>_DEPLOY_ if
// services share an env file, UNIDESK_DEPLOY_ if the service has its own pod.
func (r Row) KeyPrefix(env artifact.Env) string {
	if r.Environment(env).Target.Shape == K3s {
		return "UNIDESK_DEPLOY_"
	}
	return "UNIDESK_" + strings.ToUpper(strings.ReplaceAll(r.Service.String(), "-", "_")) + "_DEPLOY_"
}

// Annotations are what a deploy stamps on a Deployment, beside the environment.
func Annotations() (names []string) {
	for _, k := range workload.Keys() {
		names = append(names, workload.Annotation(k))
	}
	return names
}

// Spec is the placement that the row's host must have; project is the master's, a
// [workload.ProjectName]. The Ref of a row without a target is zero.
func (r Row) Spec(env artifact.Env, project string) workload.Spec {
	e := r.Environment(env)
	spec := workload.Spec{KeyPrefix: r.KeyPrefix(env)}
	switch {
	case e.Target.Compose != nil:
		c := e.Target.Compose
		spec.Ref, _ = workload.NewRef(workload.Compose, cmp.Or(c.Project, project), c.Service)
		spec.Compose, spec.Probe = &workload.ComposeSpec{ContainerName: c.Container, Image: c.Image}, e.Probe
		spec.Secrets = r.Secrets // of the env file
	case e.Target.Kubernetes != nil:
		k := e.Target.Kubernetes
		spec.Ref, _ = workload.NewRef(workload.Kubernetes, k.Namespace, r.Service.String())
		spec.Kubernetes = &workload.KubernetesSpec{Deployments: k.Deployments}
		if a := k.Auth; a != nil {
			spec.Kubernetes.Sync = &workload.ConfigSync{Secret: a.Secret, ConfigMap: a.ConfigMap, Credentials: a.Credentials, Settings: a.Settings}
		}
	}
	return spec
}
