package rights

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// The agent's account in the cluster.
const (
	AccountNamespace = "unidesk-system"
	Account          = "unidesk-agent"
)

// Object is an object that the agent needs in its cluster.
type Object struct {
	// Kind is in lower case, Namespace "" for an object that has none.
	Kind, Namespace, Name string
	// YAML is the object alone.
	YAML string
	// Empty means that a deploy fills the object. It is only created: to apply it empty
	// would empty an object that was applied before.
	Empty bool
}

// String returns "KIND NAMESPACE/NAME".
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Objects returns, in the order in which they can be made, the agent's account, a Role
// with its binding for each namespace of the workloads, and the objects that the
// workloads sync. Their namespaces are not among them.
func Objects(specs []workload.Spec) []Object {
	list := []Object{
		Namespace(AccountNamespace),
		{Kind: "serviceaccount", Namespace: AccountNamespace, Name: Account, YAML: fmt.Sprintf(`apiVersion: v1
kind: ServiceAccount
metadata: {name: %s, namespace: %s}
automountServiceAccountToken: false
`, Account, AccountNamespace)},
	}
	needed := map[string][]Right{AccountNamespace: {Renewal(AccountNamespace, Account)}}
	var empty []Object
	for _, spec := range specs {
		k := spec.Kubernetes
		if k == nil {
			continue
		}
		ns := spec.Ref.Scope()
		needed[ns] = append(needed[ns], Needed(spec)...)
		if k.Sync != nil {
			empty = append(empty, emptyObject("Secret", ns, k.Sync.Secret), emptyObject("ConfigMap", ns, k.Sync.ConfigMap))
		}
	}
	for _, ns := range slices.Sorted(maps.Keys(needed)) {
		list = append(list, role(ns, needed[ns]), binding(ns))
	}
	return append(list, empty...)
}

// Namespace returns a namespace.
func Namespace(name string) Object {
	return Object{Kind: "namespace", Name: name, YAML: "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n"}
}

func emptyObject(kind, ns, name string) Object {
	return Object{
		Kind: strings.ToLower(kind), Namespace: ns, Name: name, Empty: true,
		YAML: fmt.Sprintf("apiVersion: v1\nkind: %s\nmetadata: {name: %s, namespace: %s}\n", kind, name, ns),
	}
}

// Manifest returns the objects as YAML for kubectl apply. A comment has the lines that
// create the objects which are only created.
func Manifest(specs []workload.Spec) string {
	var apply, create []string
	for _, o := range Objects(specs) {
		if o.Empty {
			create = append(create, "#   "+Make(o.Kind, o.Namespace, o.Name)+"\n")
		} else {
			apply = append(apply, o.YAML)
		}
	}
	text := strings.Join(apply, "---\n")
	if len(create) > 0 {
		text += "# Deploys write keys of these objects. If they are not there:\n" + strings.Join(create, "")
	}
	return text
}

// TokenLine returns what a person does to give the agent a token in a file: the first, or
// the next if the agent did not renew the last in time.
func TokenLine(path string) string {
	return fmt.Sprintf("on the host, as root: (umask 077; kubectl -n %s create token %s --duration 24h >%s)", AccountNamespace, Account, path)
}

// Make returns the line that makes an empty Secret or ConfigMap; kind is secret or
// configmap.
func Make(kind, namespace, name string) string {
	if kind == "secret" {
		kind = "secret generic"
	}
	return "kubectl -n " + namespace + " create " + kind + " " + name
}

// role returns the Role of a namespace.
func role(ns string, needed []Right) Object {
	return Object{Kind: "role", Namespace: ns, Name: Account, YAML: fmt.Sprintf(`apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: %s, namespace: %s}
rules:
%s`, Account, ns, strings.Join(rules(needed), ""))}
}

// binding returns what gives the Role of a namespace to the account.
func binding(ns string) Object {
	return Object{Kind: "rolebinding", Namespace: ns, Name: Account, YAML: fmt.Sprintf(`apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: %[1]s, namespace: %[2]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %[1]s}
subjects: [{kind: ServiceAccount, name: %[1]s, namespace: %[3]s}]
`, Account, ns, AccountNamespace)}
}

// rules returns the rules of a Role, those of a resource with the same names joined.
func rules(needed []Right) (lines []string) {
	type key struct{ group, resource, names string }
	names := map[Right][]string{} // by the right without its name
	for _, r := range needed {
		name := r.Name
		r.Name = ""
		if !slices.Contains(names[r], name) {
			names[r] = append(names[r], name)
		}
	}
	verbs, reasons := map[key][]string{}, map[key]string{}
	for r, list := range names {
		slices.Sort(list)
		k := key{r.Group, strings.TrimSuffix(r.Resource+"/"+r.Subresource, "/"), strings.Join(list, ", ")}
		verbs[k] = append(verbs[k], r.Verb)
		if k.names == "" {
			reasons[k] = r.Reason()
		}
	}
	for k, list := range verbs {
		slices.Sort(list)
		line := fmt.Sprintf("- {apiGroups: [%q], resources: [%s], verbs: [%s]", k.group, k.resource, strings.Join(list, ", "))
		if k.names != "" {
			quoted := strings.Split(k.names, ", ")
			for i, name := range quoted {
				quoted[i] = fmt.Sprintf("%q", name)
			}
			line += ", resourceNames: [" + strings.Join(quoted, ", ") + "]"
		}
		line += "}"
		if reason := reasons[k]; reason != "" {
			line += " # not by name: " + reason
		}
		lines = append(lines, line+"\n")
	}
	slices.Sort(lines)
	return lines
}
