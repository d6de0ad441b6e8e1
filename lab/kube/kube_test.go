//go:build e2e

package kube_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
	"github.com/pikasTech/unidesk-artifact-cd/lab/kube"
)

// A single cluster serves all the checks.
func TestAHostIsAKubernetesNodeWithK3sPaths(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	two, err := hosts.Up(ctx, hosts.Config{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := two.Close(); err != nil {
			t.Error(err)
		}
	})
	k, err := kube.Up(ctx, two.D601, kube.Config{Log: t.Output(), Kubelet: map[string]any{"imageGCHighThresholdPercent": 99}})
	if err != nil {
		t.Fatal(err)
	}
	spec, v := deployed(ctx, t, k)

	t.Run("k3s's paths are there", func(t *testing.T) { testPaths(ctx, t, k) })
	t.Run("the sample answers through the Service", func(t *testing.T) { testHealth(ctx, t, k, spec, v) })
	t.Run("the pod runs what was pulled by digest", func(t *testing.T) { testImage(ctx, t, k, spec, v) })
	t.Run("the pause image is pinned", func(t *testing.T) { testPin(ctx, t, k) })
	t.Run("a ServiceAccount has the rights that it is bound to", func(t *testing.T) { testToken(ctx, t, k) })
	t.Run("the kubelet takes other settings", func(t *testing.T) {
		if err := k.SetKubelet(ctx, map[string]any{"imageGCHighThresholdPercent": 98, "imageGCLowThresholdPercent": 97}); err != nil {
			t.Fatal(err)
		}
		testReady(ctx, t, k)
		// The node may be ready by a report from before the kubelet was started again.
		waitFor(ctx, t, "the kubelet with the new settings", func() (string, bool) {
			settings, err := k.Raw(ctx, "/api/v1/nodes/"+k.Host.Name+"/proxy/configz")
			return fmt.Sprint(settings, err), err == nil && strings.Contains(settings, `"imageGCHighThresholdPercent":98,`)
		})
	})
	for _, unit := range kube.Units() {
		t.Run("pods outlive a stop of "+unit+", and a start heals", func(t *testing.T) { testUnit(ctx, t, k, unit, spec, v) })
	}
	t.Run("all of it comes back after a power cut", func(t *testing.T) {
		before := outside(t)
		if err := k.Host.Cut(ctx); err != nil {
			t.Fatal(err)
		}
		if err := k.Host.Boot(ctx); err != nil {
			t.Fatal(err)
		}
		if err := k.WaitAPI(ctx); err != nil {
			t.Fatal(err)
		}
		testReady(ctx, t, k)
		testHealth(ctx, t, k, spec, v)
		if after := outside(t); after != before {
			t.Errorf("kernel settings of the machine were %s and are %s", before, after)
		}
	})
	t.Run("nothing is left when the lab ends", func(t *testing.T) {
		dir := filepath.Dir(k.Host.Root)
		made, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		before := processes(t, k.Host.Name)
		if names := slices.Collect(maps.Values(before)); !slices.Contains(names, "kubelet") || !slices.Contains(names, "service") {
			t.Fatalf("before: %q", names)
		}
		if err := two.Close(); err != nil {
			t.Fatal(err)
		}
		// Another lab may have taken the names already.
		for pid, name := range processes(t, k.Host.Name) {
			if before[pid] == name {
				t.Errorf("still running: %s", name)
			}
		}
		if left, err := os.Stat(dir); err == nil && os.SameFile(left, made) {
			t.Errorf("%s is still there", dir)
		}
	})
}

// deployed brings decision-center live.
func deployed(ctx context.Context, t *testing.T, k *kube.Cluster) (workload.Spec, lab.Summary) {
	t.Helper()
	tools, err := lab.ToolsDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := kube.StartRegistry(ctx, k.Host, filepath.Join(tools, "registry")); err != nil {
		t.Fatal(err)
	}
	ci, err := lab.NewCI(ctx, t.TempDir(), lab.Elsewhere{Exec: k.Host.Exec, Dial: k.Host.Dial, Registry: kube.RegistryAddr})
	if err != nil {
		t.Fatal(err)
	}
	v, err := ci.Release(ctx, "decision-center", lab.Change{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := catalog.Parse(catalog.BuiltinFile())
	if err != nil {
		t.Fatal(err)
	}
	row, err := all.Row(v.ServiceID)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	spec := row.Spec(artifact.Prod, "")
	if err := k.Deploy(ctx, spec, v); err != nil {
		t.Fatal(err)
	}
	t.Logf("deployed in %s", time.Since(began).Round(100*time.Millisecond))
	return spec, v
}

func testPaths(ctx context.Context, t *testing.T, k *kube.Cluster) {
	for path, want := range map[string]string{
		kube.Kubeconfig: "600 root regular file", kube.Socket: "660 root socket", kube.ContainerdRoot: "711 root directory",
	} {
		if out, err := k.Host.Output(ctx, "stat", "--format", "%a %U %F", path); err != nil || strings.TrimSpace(out) != want {
			t.Errorf("%s is %q, %v; want %q", path, out, err, want)
		}
	}
	if out, err := k.Host.Output(ctx, "grep", "server:", kube.Kubeconfig); err != nil || !strings.Contains(out, "https://127.0.0.1:6443") {
		t.Errorf("the kubeconfig names %q, %v", out, err)
	}
	for _, namespace := range kube.Namespaces() {
		if _, err := k.Kubectl(ctx, "get", "namespace", namespace); err != nil {
			t.Error(err)
		}
	}
	if out, err := k.Kubectl(ctx, "get", "addons.k3s.cattle.io", "--all-namespaces"); err != nil {
		t.Errorf("%s, %v", out, err)
	}
	// As a person types them.
	for _, line := range []string{"kubectl get nodes", "crictl images", "ctr images ls -q"} {
		if out, err := k.Host.Output(ctx, strings.Fields(line)...); err != nil || out == "" {
			t.Errorf("%s: %q, %v", line, out, err)
		}
	}
}

// testHealth waits for the answer: endpoints follow a pod with a delay.
func testHealth(ctx context.Context, t *testing.T, k *kube.Cluster, spec workload.Spec, v lab.Summary) {
	t.Helper()
	want := fmt.Sprintf(`"deploy":{"commit":%q,"requestedCommit":%[1]q}`, v.SourceCommit)
	waitFor(ctx, t, "health with "+want, func() (string, bool) {
		out, err := k.Health(ctx, spec)
		return fmt.Sprint(out, err), err == nil && strings.Contains(out, want)
	})
}

func testImage(ctx context.Context, t *testing.T, k *kube.Cluster, spec workload.Spec, v lab.Summary) {
	var pods struct {
		Items []struct {
			Status struct {
				ContainerStatuses []struct{ Image, ImageID string }
			}
		}
	}
	out, err := k.Kubectl(ctx, "get", "pods", "--namespace", spec.Ref.Scope(), "--selector", "app="+spec.Kubernetes.Deployments[0].Name, "--output", "json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &pods)
	}
	if err != nil || len(pods.Items) != 1 || len(pods.Items[0].Status.ContainerStatuses) != 1 {
		t.Fatalf("the pods are %s, %v", out, err)
	}
	if got := pods.Items[0].Status.ContainerStatuses[0]; got.ImageID != v.DigestRef {
		t.Errorf("the pod runs %+v, want %s", got, v.DigestRef)
	}
	events, err := k.Kubectl(ctx, "get", "events", "--namespace", spec.Ref.Scope(), "--field-selector", "reason=Pulling")
	if err != nil || strings.Contains(events, v.ImageRef) {
		t.Errorf("the kubelet pulled: %s, %v", events, err)
	}
}

func testPin(ctx context.Context, t *testing.T, k *kube.Cluster) {
	var images struct {
		Images []struct {
			RepoTags []string
			Pinned   bool
		}
	}
	out, err := k.Host.Output(ctx, "crictl", "images", "--output", "json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &images)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range images.Images {
		if want := slices.Contains(image.RepoTags, kube.PauseImage); image.Pinned != want {
			t.Errorf("%q is pinned: %t", image.RepoTags, image.Pinned)
		}
	}
	if !strings.Contains(out, kube.PauseImage) {
		t.Errorf("the images are %s", out)
	}
}

func testToken(ctx context.Context, t *testing.T, k *kube.Cluster) {
	const rights = `apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: unidesk}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: unidesk}
rules: [{apiGroups: [apps], resources: [deployments], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: unidesk}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: unidesk}]
`
	if err := k.Apply(ctx, []byte(rights)); err != nil {
		t.Fatal(err)
	}
	token, err := k.Kubectl(ctx, "create", "token", "reader", "--namespace", "unidesk", "--duration", "10m")
	if err != nil {
		t.Fatal(err)
	}
	// A user without a role: what it may, it may by the token.
	client, err := k.Client("nobody")
	if err != nil {
		t.Fatal(err)
	}
	client.Transport.(*http.Transport).TLSClientConfig.Certificates = nil
	for path, want := range map[string]int{
		"/apis/apps/v1/namespaces/unidesk/deployments/decision-center":     http.StatusOK,
		"/apis/apps/v1/namespaces/unidesk-dev/deployments/decision-center": http.StatusForbidden,
		"/api/v1/namespaces/unidesk/secrets":                               http.StatusForbidden,
	} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.Papers.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s is answered by %s, want %d", path, response.Status, want)
		}
	}
}

// testUnit stops a unit, looks whether the pod still answers on its own address, and expects a new pod once the unit is back.
func testUnit(ctx context.Context, t *testing.T, k *kube.Cluster, unit string, spec workload.Spec, v lab.Summary) {
	ip := podIP(ctx, t, k, spec)
	began := time.Now()
	if err := k.Stop(ctx, unit); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped in %s", time.Since(began).Round(100*time.Millisecond))
	client := &http.Client{Transport: &http.Transport{DialContext: k.Host.Dial, DisableKeepAlives: true}}
	response, err := client.Get("http://" + ip + ":" + strconv.Itoa(spec.Kubernetes.Deployments[0].Probe.Port) + spec.Kubernetes.Deployments[0].Probe.Path)
	if err != nil {
		t.Errorf("while %s is stopped: %v", unit, err)
	} else if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
		t.Errorf("while %s is stopped the pod answers %s", unit, response.Status)
	}
	if unit == kube.APIServer {
		if out, err := k.Raw(ctx, "/readyz"); err == nil {
			t.Errorf("a stopped API server answers %s", out)
		}
	}
	began = time.Now()
	if err := k.Start(ctx, unit); err != nil {
		t.Fatal(err)
	}
	if err := k.WaitAPI(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("started, and the API is ready, in %s", time.Since(began).Round(100*time.Millisecond))
	name := spec.Kubernetes.Deployments[0].Name
	for _, args := range [][]string{{"restart"}, {"status", "--timeout", "5m"}} {
		if _, err := k.Kubectl(ctx, append([]string{"rollout", args[0], "deployment/" + name, "--namespace", spec.Ref.Scope()}, args[1:]...)...); err != nil {
			t.Fatal(err)
		}
	}
	testHealth(ctx, t, k, spec, v)
}

// podIP waits until no pod of an earlier version is left.
func podIP(ctx context.Context, t *testing.T, k *kube.Cluster, spec workload.Spec) (ip string) {
	t.Helper()
	waitFor(ctx, t, "one pod", func() (string, bool) {
		out, err := k.Kubectl(ctx, "get", "pods", "--namespace", spec.Ref.Scope(), "--selector", "app="+spec.Kubernetes.Deployments[0].Name, "--output", "jsonpath={.items[*].status.podIP}")
		ip = out
		return fmt.Sprint(out, err), err == nil && len(strings.Fields(out)) == 1
	})
	return ip
}

func testReady(ctx context.Context, t *testing.T, k *kube.Cluster) {
	t.Helper()
	if err := k.Wait(ctx, "", "node/"+k.Host.Name, "condition=Ready"); err != nil {
		t.Fatal(err)
	}
}

// outside are the kernel settings that a kubelet would change.
func outside(t *testing.T) string {
	t.Helper()
	var all []string
	for _, name := range []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"} {
		value, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, name+"="+strings.TrimSpace(string(value)))
	}
	return strings.Join(all, " ")
}

// processes are the names of the processes in the host's cgroups, pods' included, by their numbers.
func processes(t *testing.T, host string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, entry := range entries {
		of, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cgroup"))
		if err != nil || !strings.Contains(strings.ReplaceAll(string(of), "\n", "/")+"/", "/"+host+"/") {
			continue // no process, or a process that has ended meanwhile
		}
		if name, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "comm")); err == nil {
			names[entry.Name()] = strings.TrimSpace(string(name))
		}
	}
	return names
}

// waitFor asks until it is so, or the test's time is up.
func waitFor(ctx context.Context, t *testing.T, what string, ask func() (string, bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		got, ok := ask()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("want %s; got %s", what, got)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
