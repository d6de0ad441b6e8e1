//go:build integration

package kube_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab/apiserver"
)

// The API server of all tests here, with the controllers that make ReplicaSets and
// pods. No kubelet runs the pods: a test writes their status.
var (
	server *apiserver.Server
	dir    string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	var err error
	if dir, err = os.MkdirTemp("", "kube-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if server, err = apiserver.Start(context.Background(), apiserver.Config{Dir: dir, Controllers: true}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

type object = map[string]any

// call asks the API server as its administrator and reads the answer into v.
func call(t *testing.T, method, path string, body, v any) int {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", map[string]string{http.MethodPatch: "application/merge-patch+json"}[method])
	if method != http.MethodPatch {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := server.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v == nil && resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	if v != nil && resp.StatusCode < 300 {
		if err := json.Unmarshal(answer, v); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode
}

func create(t *testing.T, path string, body any) {
	t.Helper()
	call(t, http.MethodPost, path, body, nil)
}

func edit(t *testing.T, path string, body any) {
	t.Helper()
	call(t, http.MethodPatch, path, body, nil)
}

func get(t *testing.T, path string) object {
	t.Helper()
	o := object{}
	if status := call(t, http.MethodGet, path, nil, &o); status != http.StatusOK {
		t.Fatalf("GET %s: %d", path, status)
	}
	return o
}

// until waits for a condition for as long as the test may run.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for 3 minutes: %s", what)
		}
	}
}

var namespaces atomic.Int32

// namespace makes a namespace, with the account that pods need.
func namespace(t *testing.T) string {
	t.Helper()
	ns := fmt.Sprintf("unidesk-%d", namespaces.Add(1))
	create(t, "/api/v1/namespaces", object{"metadata": object{"name": ns}})
	until(t, "the namespace's account", func() bool {
		return call(t, http.MethodGet, "/api/v1/namespaces/"+ns+"/serviceaccounts/default", nil, &object{}) == http.StatusOK
	})
	return ns
}

// account makes a ServiceAccount with the rights, and returns a token of it.
func account(t *testing.T, ns string, needed []rights.Right) string {
	t.Helper()
	needed = append(needed, rights.Right{Verb: "create", Resource: "serviceaccounts", Subresource: "token", Namespace: ns, Name: "agent"})
	rules := []object{}
	for _, r := range needed {
		resource := r.Resource
		if r.Subresource != "" {
			resource += "/" + r.Subresource
		}
		rule := object{"verbs": []string{r.Verb}, "apiGroups": []string{r.Group}, "resources": []string{resource}}
		if r.Name != "" {
			rule["resourceNames"] = []string{r.Name}
		}
		rules = append(rules, rule)
	}
	const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/"
	create(t, "/api/v1/namespaces/"+ns+"/serviceaccounts", object{"metadata": object{"name": "agent"}})
	create(t, rbac+ns+"/roles", object{"metadata": object{"name": "agent"}, "rules": rules})
	create(t, rbac+ns+"/rolebindings", object{
		"metadata": object{"name": "agent"}, "roleRef": object{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "agent"},
		"subjects": []object{{"kind": "ServiceAccount", "name": "agent", "namespace": ns}},
	})
	until(t, "the rights of the account", func() bool {
		var answer struct{ Status struct{ Allowed bool } }
		call(t, http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", object{"spec": object{
			"user": "system:serviceaccount:" + ns + ":agent",
			"resourceAttributes": object{
				"namespace": ns, "verb": "create", "resource": "serviceaccounts", "subresource": "token", "name": "agent",
			},
		}}, &answer)
		return answer.Status.Allowed
	})
	return tokenOf(t, ns)
}

// tokenOf returns another token of the namespace's agent, for ten minutes.
func tokenOf(t *testing.T, ns string) string {
	t.Helper()
	var answer struct{ Status struct{ Token string } }
	call(t, http.MethodPost, "/api/v1/namespaces/"+ns+"/serviceaccounts/agent/token", object{"spec": object{"expirationSeconds": 600}}, &answer)
	return answer.Status.Token
}

func authority(t *testing.T) []byte {
	t.Helper()
	ca, err := os.ReadFile(filepath.Join(dir, apiserver.ServerCA))
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// agent returns the cluster as the agent has it: with the rights that the workload needs
// and no others.
func agent(t *testing.T, spec workload.Spec) *kube.Cluster {
	t.Helper()
	return connect(t, server.URL, authority(t), account(t, spec.Ref.Scope(), rights.Needed(spec)))
}

// deployed makes Deployment web in a namespace of its own.
func deployed(t *testing.T, change func(all, pod object)) (ns string, spec workload.Spec, c *kube.Cluster) {
	t.Helper()
	ns = namespace(t)
	spec = placed(t, ns, "web")
	create(t, deploymentsAt(ns), manifest("web", change))
	return ns, spec, agent(t, spec)
}

// broken returns the cluster behind a gateway that may lose replies.
func broken(t *testing.T, spec workload.Spec, loses func(*http.Request) bool) *kube.Cluster {
	t.Helper()
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	plain := server.Client.Transport.(*http.Transport).Clone()
	plain.TLSClientConfig.Certificates = nil
	t.Cleanup(plain.CloseIdleConnections)
	forward.Transport = plain
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if loses(r) {
			forward.ServeHTTP(httptest.NewRecorder(), r)
			hangUp(w, r)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return connect(t, s.URL, ca, account(t, spec.Ref.Scope(), rights.Needed(spec)))
}

// placed returns a workload of Deployments that all have a container app.
func placed(t *testing.T, ns string, names ...string) workload.Spec {
	t.Helper()
	ref, err := workload.NewRef(workload.Kubernetes, ns, "web")
	if err != nil {
		t.Fatal(err)
	}
	spec := workload.Spec{Ref: ref, KeyPrefix: "UNIDESK_DEPLOY_", Kubernetes: &workload.KubernetesSpec{}}
	for _, name := range names {
		spec.Kubernetes.Deployments = append(spec.Kubernetes.Deployments, workload.DeploymentSpec{
			Name: name, Container: "app", Service: name, Probe: workload.Probe{Port: 8080, Path: "/health"},
		})
	}
	return spec
}

// manifest is a Deployment of two pods; change changes it and its pod's spec.
func manifest(name string, change func(all, pod object)) object {
	pod := object{"containers": []object{{
		"name": "app", "image": "127.0.0.1:5000/unidesk/web:old", "env": []object{{"name": "FIRST", "value": "1"}},
	}}}
	all := object{
		"metadata": object{"name": name},
		"spec": object{
			"replicas": 2, "selector": object{"matchLabels": object{"app": name}},
			"template": object{"metadata": object{"labels": object{"app": name}}, "spec": pod},
		},
	}
	if change != nil {
		change(all, pod)
	}
	return all
}

func deploymentsAt(ns string) string { return "/apis/apps/v1/namespaces/" + ns + "/deployments" }

// look reads the first Deployment of the workload.
func look(t *testing.T, c *kube.Cluster, spec workload.Spec) kube.Deployment {
	t.Helper()
	all, err := c.Deployments(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// settled waits until the controllers have seen what is wanted of the Deployment, and
// have made a pod of it.
func settled(t *testing.T, c *kube.Cluster, spec workload.Spec) (d kube.Deployment) {
	t.Helper()
	until(t, "a pod of the present revision", func() bool {
		d = look(t, c, spec)
		return d.Definition.Seen >= d.Definition.Generation && slices.ContainsFunc(d.Pods, func(p workload.Instance) bool { return p.Current })
	})
	return d
}

// ready writes the status of all pods of a namespace as a kubelet would.
func ready(t *testing.T, ns string) {
	t.Helper()
	for _, item := range get(t, "/api/v1/namespaces/"+ns+"/pods")["items"].([]any) {
		meta := item.(object)["metadata"].(object)
		now := time.Now().UTC().Format(time.RFC3339)
		call(t, http.MethodPatch, "/api/v1/namespaces/"+ns+"/pods/"+meta["name"].(string)+"/status", object{"status": object{
			"phase": "Running", "startTime": now, "conditions": []object{{"type": "Ready", "status": "True", "lastTransitionTime": now}},
			"containerStatuses": []object{{
				"name": "app", "ready": true, "started": true, "restartCount": 0, "image": "web", "imageID": "sha256:" + strings.Repeat("a", 64),
				"state": object{"running": object{"startedAt": now}},
			}},
		}}, &object{}) // it may be gone meanwhile
	}
}

// rolled waits until the rollout is complete.
func rolled(t *testing.T, c *kube.Cluster, spec workload.Spec) (d kube.Deployment) {
	t.Helper()
	until(t, "a complete rollout", func() bool {
		ready(t, spec.Ref.Scope())
		d = look(t, c, spec)
		return d.Definition.Complete()
	})
	return d
}
