package placement

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// deployed is a placement of Deployments with every key.
func deployed(t *testing.T, namespace, service string) workload.Spec {
	t.Helper()
	ref, err := workload.NewRef(workload.Kubernetes, namespace, service)
	if err != nil {
		t.Fatal(err)
	}
	return workload.Spec{
		Ref: ref, KeyPrefix: "UNIDESK_DEPLOY_",
		Kubernetes: &workload.KubernetesSpec{
			Deployments: []workload.DeploymentSpec{
				{Name: service + "-dev", Container: service, Service: "null", Probe: workload.Probe{Port: 8080, Path: "/health", Flags: []string{"a.b"}}},
				{Name: service + "-worker", Container: "0"},
			},
			Sync: &workload.ConfigSync{Secret: "s", ConfigMap: "c", Credentials: []string{"password", "1.5"}, Settings: []string{"username"}},
		},
	}
}

func loadNamespace(text string) (Namespace, error) {
	var read struct{ Services Namespace }
	err := yaml.Load([]byte(text), &read, yaml.WithKnownFields(), yaml.WithUniqueKeys())
	return read.Services, err
}

func TestANamespaceIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	bare := deployed(t, "n", "bare")
	bare.Kubernetes.Sync = nil
	want := []workload.Spec{bare, deployed(t, "n", "web")}
	text, err := OfNamespace("n", append(want, deployed(t, "other", "x"), spec("n", "compose"))...).YAML(6)
	if err != nil {
		t.Fatal(err)
	}
	read, err := loadNamespace(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got, err := read.Specs("n")
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(want, got); d != "" {
		t.Errorf("%s\n%s", d, text)
	}
}

func TestEveryFaultOfANamespaceIsNamed(t *testing.T) {
	t.Parallel()
	sound, err := OfNamespace("n", deployed(t, "n", "web")).YAML(0)
	if err != nil {
		t.Fatal(err)
	}
	const at = "kubernetes.namespaces.n.services.web."
	for old, c := range map[string]struct{ now, want string }{
		"keyPrefix: UNIDESK_DEPLOY_": {"keyPrefix: x", at + `keyPrefix: "x"`},
		"name: web-dev":              {"name: Web", at + `deployments.name: "Web"`},
		"container: web":             {"container: ''", at + `deployments.container: ""`},
		"service: 'null'":            {"service: ../x", at + `deployments.service: "../x"`},
		"port: 8080":                 {"port: 0", at + "deployments.probe.port: 0 is not a port"},
		"name: web-worker":           {"name: web-dev", at + "deployments: web-dev is of web, too"},
		"secret: s":                  {"secret: -s", at + `sync.secret: "-s"`},
		"configMap: c":               {"configMap: c/d", at + `sync.configMap: "c/d"`},
		"- username":                 {"- a/b", at + `sync: "a/b"`},
	} {
		if strings.Count(sound, old) != 1 {
			t.Errorf("the sample has not one %q:\n%s", old, sound)
			continue
		}
		read, err := loadNamespace(strings.Replace(sound, old, c.now, 1))
		if err != nil {
			t.Errorf("%s: %v", old, err)
			continue
		}
		if _, err := read.Specs("n"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.now, err, c.want)
		}
	}
	for text, want := range map[string]string{
		"services: {web: }": "services.web: says nothing",
		"services: {web: {keyPrefix: A_DEPLOY_, deployments: []}}":                                                                          "web.deployments: none",
		"services: {web: {keyPrefix: A_DEPLOY_, deployments: [{name: a, container: b, service: c}]}}":                                       "a service or a probe without the other",
		"services: {w/b: {keyPrefix: A_DEPLOY_, deployments: [{name: a, container: b}]}}":                                                   `"w/b" is not a Kubernetes name`,
		"services: {web: {keyPrefix: A_DEPLOY_, deployments: [{name: a, container: b}], sync: {secret: s, configMap: c, credentials: []}}}": "sync.credentials: none",
	} {
		read, err := loadNamespace(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if _, err := read.Specs("n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestADifferenceOfDeploymentsIsNamed(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change func(*workload.KubernetesSpec)
		want   string
	}{
		"container":  {func(k *workload.KubernetesSpec) { k.Deployments[1].Container = "x" }, "web-worker (container x, no service)"},
		"service":    {func(k *workload.KubernetesSpec) { k.Deployments[0].Service = "x" }, "service x:8080/health"},
		"port":       {func(k *workload.KubernetesSpec) { k.Deployments[0].Probe.Port = 1 }, "service null:1/health"},
		"flags":      {func(k *workload.KubernetesSpec) { k.Deployments[0].Probe.Flags = nil }, "/health [])"},
		"one less":   {func(k *workload.KubernetesSpec) { k.Deployments = k.Deployments[:1] }, "deployments is ["},
		"no sync":    {func(k *workload.KubernetesSpec) { k.Sync = nil }, "sync is none"},
		"a key more": {func(k *workload.KubernetesSpec) { k.Sync.Settings = append(k.Sync.Settings, "x") }, "configmap c [username x]"},
	} {
		want, have := deployed(t, "n", "web"), deployed(t, "n", "web")
		if got := Differences(want, have); len(got) != 0 {
			t.Fatalf("equal: %q", got)
		}
		c.change(have.Kubernetes)
		got := Differences(want, have)
		if len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
		checks := Check(want, have)
		if len(checks) != 1 || checks[0].OK || checks[0].Reason != fault.WorkloadUnfit || !strings.Contains(checks[0].Fix, "      services:\n") {
			t.Errorf("%s: %+v", what, checks)
		}
	}
}
