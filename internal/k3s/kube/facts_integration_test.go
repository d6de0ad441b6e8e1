//go:build integration

package kube_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestWhatStandsAroundADeploymentIsSeen(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	spec := placed(t, ns, "web", "worker")
	create(t, deploymentsAt(ns), manifest("web", func(all, pod object) {
		all["spec"].(object)["paused"] = true
		all["spec"].(object)["progressDeadlineSeconds"] = 120
		all["spec"].(object)["strategy"] = object{"type": "Recreate"}
		pod["hostNetwork"] = true
		pod["containers"].([]object)[0]["ports"] = []object{{"containerPort": 8080, "hostPort": 8080}}
		pod["containers"].([]object)[0]["imagePullPolicy"] = "Always"
	}))
	create(t, deploymentsAt(ns), manifest("worker", nil))
	for _, s := range []object{
		{"metadata": object{"name": "web"}, "spec": object{"type": "NodePort", "selector": object{"app": "web"}, "ports": []object{{"port": 80, "nodePort": 31080}}}},
		{"metadata": object{"name": "web-lb"}, "spec": object{"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "selector": object{"app": "web"}, "ports": []object{{"port": 80}}}},
		{"metadata": object{"name": "other"}, "spec": object{"selector": object{"app": "other"}, "ports": []object{{"port": 80}}}},
		{"metadata": object{"name": "free"}, "spec": object{"ports": []object{{"port": 80}}}},
	} {
		create(t, "/api/v1/namespaces/"+ns+"/services", s)
	}
	create(t, "/apis/autoscaling/v2/namespaces/"+ns+"/horizontalpodautoscalers", object{"metadata": object{"name": "scale"}, "spec": object{
		"maxReplicas": 3, "scaleTargetRef": object{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
	}})
	c := agent(t, spec)
	until(t, "the controllers to see both", func() bool {
		all, err := c.Deployments(t.Context(), spec)
		return err == nil && all[0].Definition.Seen > 0 && len(all[1].Pods) == 2
	})
	all, err := c.Deployments(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	got := all[0].Definition
	got.Generation, got.Seen, got.Revision = 0, 0, ""
	want := workload.DeploymentDefinition{
		Image: "127.0.0.1:5000/unidesk/web:old", PullPolicy: "Always", Containers: []string{"app"}, Strategy: "Recreate", Paused: true,
		Replicas: workload.Replicas{Want: 2}, ProgressDeadline: 2 * time.Minute, HostNetwork: true, HostPorts: []int{8080}, Autoscaler: "scale",
		Exposures: []workload.Exposure{{Service: "web", Type: "NodePort", NodePorts: []int{31080}}, {Service: "web-lb", Type: "LoadBalancer"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if d := all[1].Definition; d.Autoscaler != "" || len(d.Exposures) != 0 || d.Paused {
		t.Errorf("the other Deployment: %+v", d)
	}
	if v, err := c.Version(t.Context()); err != nil || !strings.HasPrefix(v, "v1.") {
		t.Errorf("version %q, %v", v, err)
	}
	neighbours, err := c.Neighbours(t.Context(), ns)
	if err != nil || len(neighbours) < 2 {
		t.Fatalf("%d neighbours, %v", len(neighbours), err)
	}
	for _, n := range neighbours {
		if n.Scope != ns || n.Group != "worker" && n.Group != "web" || n.Running || n.ID == "" {
			t.Errorf("a neighbour: %+v", n)
		}
	}
}

func TestWhoManagesADeploymentIsNamed(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	names := []string{}
	for i := range 8 {
		names = append(names, fmt.Sprintf("web-%d", i))
	}
	c := agent(t, placed(t, ns, names...))
	for i, test := range []struct {
		labels, annotations object
		want                workload.DeploymentDefinition
	}{
		{want: workload.DeploymentDefinition{}},
		{annotations: object{
			"objectset.rio.cattle.io/owner-gvk": "k3s.cattle.io/v1, Kind=Addon", "objectset.rio.cattle.io/owner-name": "web",
			"objectset.rio.cattle.io/owner-namespace": "kube-system", "objectset.rio.cattle.io/id": "",
		}, want: workload.DeploymentDefinition{Manager: "k3s addon web", PutsBack: true, Source: "/var/lib/rancher/k3s/server/manifests/web.yaml"}},
		{
			labels: object{"app.kubernetes.io/managed-by": "Helm"}, annotations: object{"meta.helm.sh/release-name": "web"},
			want: workload.DeploymentDefinition{Manager: "Helm release web"},
		},
		{labels: object{"app.kubernetes.io/managed-by": "Helm"}, want: workload.DeploymentDefinition{}},
		{
			annotations: object{"argocd.argoproj.io/tracking-id": "desk:apps/Deployment:unidesk/web"},
			want:        workload.DeploymentDefinition{Manager: "Argo CD application desk"},
		},
		{labels: object{"argocd.argoproj.io/instance": "desk"}, want: workload.DeploymentDefinition{Manager: "Argo CD application desk"}},
		{
			labels: object{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"},
			want:   workload.DeploymentDefinition{Manager: "Flux Kustomization apps", PutsBack: true},
		},
		{
			labels: object{"helm.toolkit.fluxcd.io/name": "web", "app.kubernetes.io/managed-by": "Helm"}, annotations: object{"meta.helm.sh/release-name": "web"},
			want: workload.DeploymentDefinition{Manager: "Flux HelmRelease web"},
		},
	} {
		name := names[i]
		create(t, deploymentsAt(ns), manifest(name, func(all, _ object) {
			all["spec"].(object)["replicas"] = 0
			all["metadata"].(object)["labels"], all["metadata"].(object)["annotations"] = test.labels, test.annotations
		}))
		d := look(t, c, placed(t, ns, name)).Definition
		if d.Manager != test.want.Manager || d.PutsBack != test.want.PutsBack || d.Source != test.want.Source {
			t.Errorf("%v %v: %q, puts back %v, %q", test.labels, test.annotations, d.Manager, d.PutsBack, d.Source)
		}
	}
}

func TestTroubleOfPodsIsInTheClustersWords(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	spec := placed(t, ns, "web")
	create(t, deploymentsAt(ns), manifest("web", func(all, pod object) {
		all["spec"].(object)["replicas"] = 1
		pod["initContainers"] = []object{{"name": "migrate", "image": "127.0.0.1:5000/unidesk/web:old"}}
		pod["containers"] = append(pod["containers"].([]object), object{"name": "sidecar", "image": "x"})
	}))
	c := agent(t, spec)
	pod := settled(t, c, spec).Pods[0]
	app := func(status object) object {
		status["name"], status["image"], status["imageID"] = "app", "web", "sha256:1"
		return object{"containerStatuses": []object{status}}
	}
	ended := object{"terminated": object{"exitCode": 137, "reason": "OOMKilled", "message": "a secret"}}
	for _, test := range []struct {
		status object
		want   string
		exit   int
	}{
		{object{"conditions": []object{{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}}}, "Unschedulable: 0/1 nodes are available", 0},
		{app(object{"state": object{"waiting": object{"reason": "ErrImageNeverPull", "message": "not present"}}}), "ErrImageNeverPull: not present", 0},
		{app(object{"state": object{"waiting": object{"reason": "CrashLoopBackOff", "message": "back-off"}}, "lastState": ended, "restartCount": 4}), "CrashLoopBackOff: back-off (before: OOMKilled, exit code 137)", 137},
		{app(object{"state": ended}), "OOMKilled, exit code 137", 137},
		{app(object{"state": object{"terminated": object{"exitCode": 0, "reason": "Completed"}}}), "Completed, exit code 0", 0},
		{app(object{"state": object{"waiting": object{"reason": "ContainerCreating"}}}), "", 0},
		{app(object{"state": object{"running": object{"startedAt": "2026-01-02T03:04:05Z"}}, "ready": false}), "is not ready", 0},
		{app(object{"state": object{"running": object{"startedAt": "2026-01-02T03:04:05Z"}}, "ready": true}), "", 0},
		{object{"containerStatuses": []object{
			{"name": "sidecar", "image": "x", "imageID": "", "state": object{"waiting": object{"reason": "ErrImagePull", "message": "no"}}},
			{"name": "app", "image": "web", "imageID": "", "ready": true, "state": object{"running": object{"startedAt": "2026-01-02T03:04:05Z"}}},
		}}, "container sidecar: ErrImagePull: no", 0},
		{object{"initContainerStatuses": []object{{"name": "migrate", "image": "x", "imageID": "", "state": ended}}}, "init container migrate: OOMKilled, exit code 137", 0},
		{object{"reason": "Evicted", "message": "low on memory"}, "Evicted: low on memory", 0},
	} {
		clean := object{"conditions": nil, "containerStatuses": nil, "initContainerStatuses": nil, "reason": nil, "message": nil}
		edit(t, "/api/v1/namespaces/"+ns+"/pods/"+pod.Name+"/status", object{"status": clean})
		edit(t, "/api/v1/namespaces/"+ns+"/pods/"+pod.Name+"/status", object{"status": test.status})
		in := look(t, c, spec).Pods[0]
		if in.Trouble != test.want || in.ExitCode != test.exit {
			t.Errorf("%v: %q, exit code %d", test.status, in.Trouble, in.ExitCode)
		}
	}
}

func TestAChangeWakesTheWatcher(t *testing.T) {
	t.Parallel()
	ns, spec, c := deployed(t, nil)
	settled(t, c, spec)
	c.Pace(time.Second, time.Hour, 100*time.Millisecond) // no poll in time
	ctx, cancel := context.WithCancel(t.Context())
	wakes := make(chan struct{}, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Watch(ctx, ns, []string{"web"}, func() { wakes <- struct{}{} })
	}()
	quiet := func() { // the watch begins with what is there
		for {
			select {
			case <-wakes:
			case <-time.After(2 * time.Second):
				return
			}
		}
	}
	<-wakes
	quiet()
	edit(t, deploymentsAt(ns)+"/web", object{"metadata": object{"labels": object{"x": "y"}}})
	<-wakes
	quiet()
	ready(t, ns)
	<-wakes
	cancel()
	<-done
}

func TestAServiceIsAskedThroughTheProxy(t *testing.T) {
	t.Parallel()
	address := ownAddress(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
			_, _ = w.Write([]byte(`{"ok":true}`))
		case "/away":
			http.Redirect(w, r, "https://other.example/", http.StatusFound)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("starting"))
		}
	}))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	port := l.Addr().(*net.TCPAddr).Port

	ns := namespace(t)
	spec := placed(t, ns, "web")
	c := agent(t, spec)
	ask := func(path string) (string, error) {
		answer, err := c.Ask(t.Context(), ns, "web", workload.Probe{Port: 8080, Path: path}, 1<<10)
		return fmt.Sprintf("%d %s|%s", answer.Status, answer.Body, answer.Unreached), err
	}
	if _, err := ask("/health"); fault.ReasonOf(err) != fault.WorkloadNotFound {
		t.Errorf("without a Service: %v", err)
	}
	create(t, "/api/v1/namespaces/"+ns+"/services", object{"metadata": object{"name": "web"}, "spec": object{
		"selector": object{"app": "web"}, "ports": []object{{"port": 8080, "targetPort": port}},
	}})
	until(t, "the Service is known to have no pod", func() bool {
		got, err := ask("/health")
		return err == nil && strings.Contains(got, "no endpoints")
	})
	create(t, "/api/v1/nodes", object{"metadata": object{"name": ns}}) // an endpoint is on a node
	create(t, deploymentsAt(ns), manifest("web", func(all, pod object) {
		all["spec"].(object)["replicas"] = 1
		pod["nodeName"] = ns
	}))
	pod := settled(t, c, spec).Pods[0]
	ready(t, ns)
	edit(t, "/api/v1/namespaces/"+ns+"/pods/"+pod.Name+"/status", object{"status": object{"podIP": address, "podIPs": []object{{"ip": address}}}})
	until(t, "the endpoint", func() bool {
		got, err := ask("/health")
		return err == nil && got == `200 {"ok":true}|`
	})
	if got, err := ask("/away"); err != nil || !strings.HasPrefix(got, "302 ") {
		t.Errorf("a redirect: %s, %v", got, err)
	}
	if got, err := ask("/other"); err != nil || got != "503 starting|" {
		t.Errorf("the service's own 503: %s, %v", got, err)
	}
	s.Close()
	if got, err := ask("/health"); err != nil || !strings.Contains(got, "connection refused") {
		t.Errorf("nobody listens: %s, %v", got, err)
	}
}

// ownAddress returns an address of this machine that an endpoint may have.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(a net.Addr) bool {
		ip := a.(*net.IPNet).IP
		return ip.To4() != nil && ip.IsGlobalUnicast()
	})
	if i < 0 {
		t.Fatal("this machine has no address but loopback's; the proxy's test needs one")
	}
	return all[i].(*net.IPNet).IP.String()
}
