package kube

import (
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Right is leave to do one thing. An empty name means all of the resource, an empty
// namespace all namespaces or no namespace.
type Right struct {
	Verb, Group, Resource, Subresource, Namespace, Name string
}

// String returns "VERB RESOURCE NAMESPACE/NAME".
func (r Right) String() string {
	s := r.Verb + " " + r.resource()
	switch {
	case r.Namespace != "" && r.Name != "":
		s += " " + r.Namespace + "/" + r.Name
	case r.Namespace != "":
		s += " in " + r.Namespace
	case r.Name != "":
		s += " " + r.Name
	}
	return s
}

// resource returns "deployments.apps" or "pods/log".
func (r Right) resource() string {
	s := r.Resource
	if r.Group != "" {
		s += "." + r.Group
	}
	if r.Subresource != "" {
		s += "/" + r.Subresource
	}
	return s
}

// object returns the name with its namespace.
func (r Right) object() string { return strings.TrimPrefix(r.Namespace+"/"+r.Name, "/") }

// kind returns what the resource is called in a sentence.
func (r Right) kind() string {
	switch r.Resource {
	case "deployments":
		return "Deployment"
	case "secrets":
		return "Secret"
	case "configmaps":
		return "ConfigMap"
	case "pods":
		return "pod"
	case "services":
		return "Service"
	default:
		return r.Resource
	}
}

// Reason returns why the right is for all objects of a namespace and not for one by
// name, "" if it is by name.
func (r Right) Reason() string {
	if r.Name != "" {
		return ""
	}
	switch r.Resource {
	case "pods":
		return "a pod's name is not known before it runs"
	case "replicasets":
		return "a ReplicaSet's name is made of its pod template"
	case "services":
		return "which Services lead to a Deployment is in their selectors"
	case "horizontalpodautoscalers":
		return "which autoscaler sets a Deployment's replicas is in its target"
	default:
		return "it has no name"
	}
}

// attributes returns the right as the API server asks for it.
func (r Right) attributes() *authorizationv1.ResourceAttributes {
	return &authorizationv1.ResourceAttributes{
		Verb: r.Verb, Group: r.Group, Resource: r.Resource, Subresource: r.Subresource, Namespace: r.Namespace, Name: r.Name,
	}
}

// Rights returns the rights that a workload needs, and none that it does not.
func Rights(spec workload.Spec) (rights []Right) {
	ns := spec.Ref.Scope()
	for _, d := range spec.Kubernetes.Deployments {
		for _, verb := range []string{"get", "patch", "watch"} {
			rights = append(rights, deployment(verb, ns, d.Name))
		}
		if d.Service != "" {
			rights = append(rights, proxy(ns, d.Service, d.Probe.Port))
		}
	}
	rights = append(rights, pods("list", ns), pods("watch", ns), podLog(ns, ""), replicaSets(ns), services(ns), autoscalers(ns))
	if sync := spec.Kubernetes.Sync; sync != nil {
		for _, verb := range []string{"get", "patch"} {
			rights = append(rights, secret(verb, ns, sync.Secret), configMap(verb, ns, sync.ConfigMap))
		}
	}
	return rights
}

func deployment(verb, ns, name string) Right {
	return Right{Verb: verb, Group: "apps", Resource: "deployments", Namespace: ns, Name: name}
}

func replicaSets(ns string) Right {
	return Right{Verb: "list", Group: "apps", Resource: "replicasets", Namespace: ns}
}

func pods(verb, ns string) Right { return Right{Verb: verb, Resource: "pods", Namespace: ns} }

func podLog(ns, pod string) Right {
	return Right{Verb: "get", Resource: "pods", Subresource: "log", Namespace: ns, Name: pod}
}

func services(ns string) Right { return Right{Verb: "list", Resource: "services", Namespace: ns} }

func autoscalers(ns string) Right {
	return Right{Verb: "list", Group: "autoscaling", Resource: "horizontalpodautoscalers", Namespace: ns}
}

// proxy is by the name that stands in the URL, which has scheme and port.
func proxy(ns, service string, port int) Right {
	return Right{Verb: "get", Resource: "services", Subresource: "proxy", Namespace: ns, Name: fmt.Sprintf("http:%s:%d", service, port)}
}

func secret(verb, ns, name string) Right {
	return Right{Verb: verb, Resource: "secrets", Namespace: ns, Name: name}
}

func configMap(verb, ns, name string) Right {
	return Right{Verb: verb, Resource: "configmaps", Namespace: ns, Name: name}
}

// ofEveryone reports whether the right is to ask about oneself.
func (r Right) ofEveryone() bool {
	return r.Verb == "create" && (r.Group == authorizationv1.GroupName || r.Group == "authentication.k8s.io") && strings.HasPrefix(r.Resource, "selfsubject")
}

// within reports whether one of the needed rights covers the right. Whoever may list or
// watch all objects of a resource sees no more by the other reading verbs.
func (r Right) within(needed []Right) bool {
	return slices.ContainsFunc(needed, func(n Right) bool {
		if n.reads() && r.reads() && r.Name == "" {
			n.Verb = r.Verb
		}
		return n == r
	})
}

func (r Right) reads() bool { return r.Verb == "get" || r.Verb == "list" || r.Verb == "watch" }

// split returns resource and subresource of "pods/log".
func split(resource string) (string, string) {
	resource, sub, _ := strings.Cut(resource, "/")
	return resource, sub
}

// compare orders rights by their text.
func compare(a, b Right) int { return strings.Compare(a.String(), b.String()) }
