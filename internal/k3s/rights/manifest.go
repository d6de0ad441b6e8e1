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

// Manifest returns, as YAML for kubectl apply, the agent's account and a Role with its
// binding for each namespace of the workloads. It leaves out the objects that they
// sync, because applying an empty object would empty an object that was applied before:
// a comment has the lines that make them.
func Manifest(specs []workload.Spec) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: %[2]s, namespace: %[1]s}
automountServiceAccountToken: false
`, AccountNamespace, Account)
	needed := map[string][]Right{AccountNamespace: {Renewal(AccountNamespace, Account)}}
	for _, spec := range specs {
		if spec.Kubernetes == nil {
			continue
		}
		ns := spec.Ref.Scope()
		needed[ns] = append(needed[ns], Needed(spec)...)
	}
	for _, ns := range slices.Sorted(maps.Keys(needed)) {
		role(&b, ns, needed[ns])
	}
	for _, spec := range specs {
		if k := spec.Kubernetes; k != nil && k.Sync != nil {
			fmt.Fprintf(&b, "# A deploy of %s writes keys of these objects. If they are not there:\n#   %s\n#   %s\n",
				spec.Ref.Name(), Make("secret", spec.Ref.Scope(), k.Sync.Secret), Make("configmap", spec.Ref.Scope(), k.Sync.ConfigMap))
		}
	}
	return b.String()
}

// Make returns the line that makes an empty Secret or ConfigMap; kind is secret or
// configmap.
func Make(kind, namespace, name string) string {
	if kind == "secret" {
		kind = "secret generic"
	}
	return "kubectl -n " + namespace + " create " + kind + " " + name
}

// role writes the Role of a namespace and its binding.
func role(b *strings.Builder, ns string, needed []Right) {
	fmt.Fprintf(b, `---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: %s, namespace: %s}
rules:
`, Account, ns)
	for _, r := range rules(needed) {
		b.WriteString(r)
	}
	fmt.Fprintf(b, `---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: %[1]s, namespace: %[2]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %[1]s}
subjects: [{kind: ServiceAccount, name: %[1]s, namespace: %[3]s}]
`, Account, ns, AccountNamespace)
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
