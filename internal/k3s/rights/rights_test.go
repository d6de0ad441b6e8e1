package rights_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func specs(t *testing.T) (list []workload.Spec) {
	t.Helper()
	for _, name := range []string{"unidesk-dev/web", "unidesk-dev/queue", "unidesk/web"} {
		ns, service, _ := strings.Cut(name, "/")
		ref, err := workload.NewRef(workload.Kubernetes, ns, service)
		if err != nil {
			t.Fatal(err)
		}
		spec := workload.Spec{Ref: ref, Kubernetes: &workload.KubernetesSpec{Deployments: []workload.DeploymentSpec{
			{Name: service, Container: service, Service: service, Probe: workload.Probe{Port: 8080, Path: "/health"}},
		}}}
		if name == "unidesk-dev/queue" {
			spec.Kubernetes.Deployments = append(spec.Kubernetes.Deployments, workload.DeploymentSpec{Name: "proxy", Container: "proxy"})
			spec.Kubernetes.Sync = &workload.ConfigSync{Secret: "auth", ConfigMap: "settings"}
		}
		list = append(list, spec)
	}
	compose, err := workload.NewRef(workload.Compose, "unidesk", "web")
	if err != nil {
		t.Fatal(err)
	}
	return append(list, workload.Spec{Ref: compose, Compose: &workload.ComposeSpec{}})
}

func TestTheManifestGrantsWhatIsNeededAndNoMore(t *testing.T) {
	t.Parallel()
	got := rights.Manifest(specs(t))
	want, err := os.ReadFile("testdata/manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
	granted := map[rights.Right]bool{}
	for _, text := range strings.Split(got, "---\n") {
		var object struct {
			Kind     string
			Metadata struct{ Name, Namespace string }
			Rules    []struct {
				Groups    []string `yaml:"apiGroups"`
				Resources []string
				Names     []string `yaml:"resourceNames"`
				Verbs     []string
			}
		}
		if err := yaml.Load([]byte(text), &object); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if object.Kind == "Secret" || object.Kind == "ConfigMap" {
			t.Errorf("to apply the manifest would empty a %s", object.Kind)
		}
		for _, rule := range object.Rules {
			if len(rule.Names) == 0 {
				rule.Names = []string{""}
			}
			for _, verb := range rule.Verbs {
				for _, name := range rule.Names {
					resource, sub, _ := strings.Cut(rule.Resources[0], "/")
					granted[rights.Right{Verb: verb, Group: rule.Groups[0], Resource: resource, Subresource: sub, Namespace: object.Metadata.Namespace, Name: name}] = true
				}
			}
		}
	}
	needed := map[rights.Right]bool{rights.Renewal(rights.AccountNamespace, rights.Account): true}
	for _, spec := range specs(t)[:3] {
		for _, r := range rights.Needed(spec) {
			needed[r] = true
		}
	}
	if d := cmp.Diff(needed, granted); d != "" {
		t.Error(d)
	}
}

func TestWhatIsNotByNameHasAReason(t *testing.T) {
	t.Parallel()
	for _, spec := range specs(t)[:3] {
		for _, r := range rights.Needed(spec) {
			if (r.Name == "") != (r.Reason() != "") || r.Reason() == "it has no name" {
				t.Errorf("%s: %q", r, r.Reason())
			}
		}
	}
}

func TestNothingForbiddenIsNeeded(t *testing.T) {
	t.Parallel()
	for _, spec := range specs(t)[:3] {
		for _, ns := range []string{"", spec.Ref.Scope()} {
			for _, r := range rights.Forbidden(ns) {
				if r.Within(rights.Needed(spec)) {
					t.Errorf("%s is needed", r)
				}
			}
		}
	}
	if !(rights.Right{Verb: "get", Resource: "pods", Namespace: "unidesk"}).Within([]rights.Right{rights.Pods("list", "unidesk")}) {
		t.Error("an account that lists all pods may get one")
	}
	if (rights.Right{Verb: "get", Resource: "secrets", Namespace: "unidesk"}).Within([]rights.Right{rights.Secret("get", "unidesk", "auth")}) {
		t.Error("one Secret is not all Secrets")
	}
}
