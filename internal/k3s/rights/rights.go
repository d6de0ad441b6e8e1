// Package rights defines what the agent's account may do in a Kubernetes cluster: which
// rights each placed workload needs, why some cannot be by name, and the manifest that
// grants them and no more. The controller prints the manifest, the agent asks the API
// server for each right. It is pure.
//
// Files, from the top: manifest, rights.
package rights

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Right is the permission for an act. An empty name means all of the resource, an empty
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

// Reason returns why the right is for all objects of a namespace and not for an object
// by name, "" if it is by name.
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

// Needed returns the rights that a workload needs, and none that it does not.
func Needed(spec workload.Spec) (rights []Right) {
	ns := spec.Ref.Scope()
	for _, d := range spec.Kubernetes.Deployments {
		for _, verb := range []string{"get", "patch", "watch"} {
			rights = append(rights, Deployment(verb, ns, d.Name))
		}
		if d.Service != "" {
			rights = append(rights, Proxy(ns, d.Service, d.Probe.Port))
		}
	}
	rights = append(rights, Pods("list", ns), Pods("watch", ns), PodLog(ns, ""), ReplicaSets(ns), Services(ns), Autoscalers(ns))
	if sync := spec.Kubernetes.Sync; sync != nil {
		for _, verb := range []string{"get", "patch"} {
			rights = append(rights, Secret(verb, ns, sync.Secret), ConfigMap(verb, ns, sync.ConfigMap))
		}
	}
	return rights
}

// Deployment is the right to a Deployment.
func Deployment(verb, ns, name string) Right {
	return Right{Verb: verb, Group: "apps", Resource: "deployments", Namespace: ns, Name: name}
}

// ReplicaSets is the right to list all ReplicaSets.
func ReplicaSets(ns string) Right {
	return Right{Verb: "list", Group: "apps", Resource: "replicasets", Namespace: ns}
}

// Pods is the right to all pods.
func Pods(verb, ns string) Right { return Right{Verb: verb, Resource: "pods", Namespace: ns} }

// PodLog is the right to read a pod's output; with "" that of all pods.
func PodLog(ns, pod string) Right {
	return Right{Verb: "get", Resource: "pods", Subresource: "log", Namespace: ns, Name: pod}
}

// Services is the right to list all Services.
func Services(ns string) Right { return Right{Verb: "list", Resource: "services", Namespace: ns} }

// Autoscalers is the right to list all HorizontalPodAutoscalers.
func Autoscalers(ns string) Right {
	return Right{Verb: "list", Group: "autoscaling", Resource: "horizontalpodautoscalers", Namespace: ns}
}

// Proxy is the right to ask a Service through the API server. Its name is as the URL
// has it, with scheme and port.
func Proxy(ns, service string, port int) Right {
	return Right{Verb: "get", Resource: "services", Subresource: "proxy", Namespace: ns, Name: fmt.Sprintf("http:%s:%d", service, port)}
}

// Secret is the right to a Secret.
func Secret(verb, ns, name string) Right {
	return Right{Verb: verb, Resource: "secrets", Namespace: ns, Name: name}
}

// ConfigMap is the right to a ConfigMap.
func ConfigMap(verb, ns, name string) Right {
	return Right{Verb: verb, Resource: "configmaps", Namespace: ns, Name: name}
}

// Renewal is the right to make a token of a ServiceAccount.
func Renewal(ns, account string) Right {
	return Right{Verb: "create", Resource: "serviceaccounts", Subresource: "token", Namespace: ns, Name: account}
}

// Forbidden returns what the account must not do, in a namespace or, with "", anywhere.
func Forbidden(namespace string) []Right {
	return []Right{
		{Verb: "*", Group: "*", Resource: "*", Namespace: namespace},
		{Verb: "list", Resource: "secrets", Namespace: namespace},
		{Verb: "create", Resource: "secrets", Namespace: namespace},
		{Verb: "create", Resource: "pods", Namespace: namespace},
		{Verb: "create", Resource: "pods", Subresource: "exec", Namespace: namespace},
		{Verb: "create", Group: "apps", Resource: "deployments", Namespace: namespace},
	}
}

// Everything reports whether the right is to do all there is.
func (r Right) Everything() bool { return r.Verb == "*" && r.Group == "*" && r.Resource == "*" }

// Within reports whether any of the needed rights covers the right. An account that may
// list or watch all objects of a resource sees no more by the other reading verbs.
func (r Right) Within(needed []Right) bool {
	return slices.ContainsFunc(needed, func(n Right) bool {
		if n.reads() && r.reads() && r.Name == "" {
			n.Verb = r.Verb
		}
		return n == r
	})
}

func (r Right) reads() bool { return r.Verb == "get" || r.Verb == "list" || r.Verb == "watch" }

// Compare orders rights by their text.
func Compare(a, b Right) int { return strings.Compare(a.String(), b.String()) }
