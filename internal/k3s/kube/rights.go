package kube

import (
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
)

// object returns the name of what a right is about, with its namespace.
func object(r rights.Right) string { return strings.TrimPrefix(r.Namespace+"/"+r.Name, "/") }

// kind returns what a right's resource is called in a sentence.
func kind(r rights.Right) string {
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

// attributes returns a right as the API server asks for it.
func attributes(r rights.Right) *authorizationv1.ResourceAttributes {
	return &authorizationv1.ResourceAttributes{
		Verb: r.Verb, Group: r.Group, Resource: r.Resource, Subresource: r.Subresource, Namespace: r.Namespace, Name: r.Name,
	}
}

// ofEveryone reports whether the right is to ask about oneself.
func ofEveryone(r rights.Right) bool {
	return r.Verb == "create" && (r.Group == authorizationv1.GroupName || r.Group == "authentication.k8s.io") && strings.HasPrefix(r.Resource, "selfsubject")
}

// split returns resource and subresource of "pods/log".
func split(resource string) (string, string) {
	resource, sub, _ := strings.Cut(resource, "/")
	return resource, sub
}
