package agent

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func TestConfigIsStrict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no version":           {"socket: /run/s", "version"},
		"another version":      {"version: 3", "this agent knows 1 and 2"},
		"an unknown key":       {"version: 1\nregisty: http://127.0.0.1:5000", "registy"},
		"an unknown role":      {"version: 1\nroles: {write: [0]}", "write"},
		"a key twice":          {"version: 1\nversion: 1", "version"},
		"a relative socket":    {"version: 1\nsocket: s", "socket"},
		"an abstract socket":   {"version: 1\nsocket: '@s'", "socket"},
		"a relative engine":    {"version: 1\ndocker: tcp://1.2.3.4", "docker"},
		"a registry elsewhere": {"version: 1\nregistry: http://10.0.0.1:5000", "loopback"},
		"no repository":        {"version: 1\nrepositories: [Unidesk]", "repositories: \"Unidesk\""},
		"all repositories":     {"version: 1\nrepositories: [/]", "repositories: \"/\""},
		"no quota":             {"version: 1\ndeltaQuota: 0", "deltaQuota: 0"},
		"a relative root":      {"version: 1\ndocker: /d\nregistryRoots: [srv]", "registryRoots"},
		"an unclean root":      {"version: 1\ndocker: /d\nregistryRoots: [/srv/../etc]", "registryRoots"},
		"all of the host":      {"version: 1\ndocker: /d\nregistryRoots: [/]", "registryRoots"},
		"roots, no engine":     {"version: 1\nregistryRoots: [/srv]", "needs an engine"},
		"an unknown account":   {"version: 1\nroles: {read: [no-such-account]}", "roles.read: /etc/passwd has no account \"no-such-account\": correct the name, or list the numeric id (id -u)"},
		"an account twice":     {"version: 1\nroles: {read: [7], operate: ['7']}", "role read already"},
		"nothing":              {"", "no documents"},
		"too much":             {"version: 1 #" + strings.Repeat("x", maxConfig), "longer"},
		"a relative project":   {projectYAML("root: srv, files: [a], envFile: /e, services: {s: " + wholeService + "}"), "projects.p: the Compose project's folder"},
		"no Compose file":      {projectYAML("root: /srv, envFile: /e, services: {s: " + wholeService + "}"), "no Compose file"},
		"a relative env file":  {projectYAML("root: /srv, files: [a], envFile: e, services: {s: " + wholeService + "}"), "env file"},
		"no service":           {projectYAML("root: /srv, files: [a], envFile: /e"), "projects.p.services: none"},
		"a service twice":      {servicesYAML("{s: " + wholeService + ", s: " + wholeService + "}"), `"s" already defined`},
		"a hostile service":    {servicesYAML("{--all: " + wholeService + "}"), "not a Compose service name"},
		"a project's key":      {projectYAML("root: /srv, files: [a], envfile: /e, services: {s: " + wholeService + "}"), "envfile"},
		"a project's name":     {strings.Replace(servicesYAML("{s: "+wholeService+"}"), " p:", " ../p:", 1), "not a Compose project name"},
		"a project, no engine": {"version: 2\nregistry: http://127.0.0.1:5000\n" + ofProjects("{s: "+wholeService+"}"), "docker and registry"},
		"a project, no images": {"version: 2\ndocker: /run/docker.sock\n" + ofProjects("{s: "+wholeService+"}"), "docker and registry"},
		"a service's key":      {servicesYAML("{s: {container: c, envPrefix: A_DEPLOY_}}"), "envPrefix"},
		"a service by name":    {servicesYAML("[s]"), "version 2 says of each service how it is placed"},
		"a service of nothing": {servicesYAML("{s: " + wholeService + ", t: }"), "version 2 says of each service how it is placed"},
		"version 1, placed":    {strings.Replace(servicesYAML("{s: "+wholeService+"}"), "version: 2", "version: 1", 1), "version 1 has a list of names"},
		"version 1, twice":     {strings.Replace(servicesYAML("[s, s]"), "version: 2", "version: 1", 1), "twice"},
		"a cluster, version 1": {strings.Replace(clusterYAML("server: https://127.0.0.1:6443"), "version: 2", "version: 1", 1), "kubernetes: needs version 2"},
		"a cluster, no images": {strings.Replace(clusterYAML("server: https://127.0.0.1:6443"), "registry: ", "#", 1), "kubernetes: needs registry"},
		"a plain API server":   {clusterYAML("server: http://127.0.0.1:6443"), "kubernetes.server"},
		"a server with a user": {clusterYAML("server: https://a:hunter2@127.0.0.1:6443"), "kubernetes.server"},
		"a relative token":     {clusterYAML("token: t"), "kubernetes.token"},
		"a relative socket 2":  {clusterYAML("containerd: tcp://x"), "kubernetes.containerd"},
		"two accounts":         {clusterYAML("kubeconfig: /k, token: /t"), "kubeconfig goes without"},
		"a cluster's key":      {clusterYAML("namespace: x"), "namespace"},
		"no namespace":         {"version: 2\nregistry: http://127.0.0.1:5000\nkubernetes: {}", "kubernetes.namespaces: none"},
		"an empty namespace":   {"version: 2\nregistry: http://127.0.0.1:5000\nkubernetes: {namespaces: {a: {}}}", "kubernetes.namespaces.a.services: none"},
		"a fault of a service": {"version: 2\nregistry: http://127.0.0.1:5000\nkubernetes: {namespaces: {a: {services: {s: {keyPrefix: x, deployments: []}}}}}", "kubernetes.namespaces.a.services.s.keyPrefix"},
		"version 1, hostile":   {strings.Replace(servicesYAML("[--all]"), "version: 2", "version: 1", 1), "not a Compose service name"},
	} {
		if _, err := Load(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Load(strings.NewReader("version: 3\nsocket: x\nregistry: y"))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not all faults at once: %v", err)
	}
}

// wholeService is a service that agent.yaml places.
const wholeService = "{container: c, image: i, keyPrefix: A_DEPLOY_, probe: {port: 8080, path: /health}}"

func projectYAML(keys string) string {
	return "version: 2\nregistry: http://127.0.0.1:5000\ndocker: /run/docker.sock\nprojects:\n  p: {" + keys + "}"
}

func servicesYAML(services string) string {
	return projectYAML("root: /srv, files: [a], envFile: /e, services: " + services)
}

func ofProjects(services string) string {
	return "projects: {p: {root: /srv, files: [a], envFile: /e, services: " + services + "}}"
}

// clusterYAML is a configuration with these keys in its section kubernetes.
func clusterYAML(keys string) string {
	return "version: 2\nregistry: http://127.0.0.1:5000\nkubernetes: {" + keys +
		", namespaces: {a: {services: {s: {keyPrefix: A_DEPLOY_, deployments: [{name: s, container: s}]}}}}}"
}

func TestAClusterHasThePlacesOfK3s(t *testing.T) {
	t.Parallel()
	c, err := Load(strings.NewReader(clusterYAML("allowAdmin: false")))
	if err != nil {
		t.Fatal(err)
	}
	k := *c.Kubernetes
	k.Namespaces = nil
	want := Kubernetes{
		Server: "https://127.0.0.1:6443", CA: "/var/lib/rancher/k3s/server/tls/server-ca.crt",
		Token: "/var/lib/unidesk-agent/kubernetes-token", Containerd: "/run/k3s/containerd/containerd.sock",
	}
	if d := cmp.Diff(want, k); d != "" {
		t.Error(d)
	}
	c, err = Load(strings.NewReader(clusterYAML("kubeconfig: /root/k")))
	if err != nil || c.Kubernetes.Server+c.Kubernetes.CA+c.Kubernetes.Token != "" {
		t.Errorf("%+v, %v", c.Kubernetes, err)
	}
}

// An agent is updated before its agent.yaml is.
func TestVersion1IsRead(t *testing.T) {
	t.Parallel()
	c, err := Load(strings.NewReader(strings.Replace(servicesYAML("[web, api]"), "version: 2", "version: 1", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(placement.Services{"api": nil, "web": nil}, c.Projects["p"].Services); d != "" {
		t.Error(d)
	}
	project, err := c.Projects["p"].compose("p", c.Docker)
	if err != nil || len(project.Workloads) != 2 {
		t.Fatalf("%+v, %v", project, err)
	}
	for _, w := range project.Workloads {
		if w.Placed() {
			t.Errorf("%s can be switched", w.Ref)
		}
	}
	for _, step := range []string{"/etc/unidesk/agent.yaml", "unidesk-controller host placement", "systemctl restart unidesk-agent"} {
		if !strings.Contains(project.Placing, step) {
			t.Errorf("%s is not named: %s", step, project.Placing)
		}
	}
}

// What the controller prints from its catalog is what the agent reads.
func TestThePlacementThatIsPrintedIsRead(t *testing.T) {
	t.Parallel()
	spec := workloadtest.SampleSpec("p")
	spec.Probe.Flags = []string{"auth.loggedIn"}
	lines, err := placement.Of("p", spec).YAML(4)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(strings.NewReader("version: 2\nregistry: http://127.0.0.1:5000\ndocker: /run/docker.sock\nprojects:\n" +
		"  p:\n    root: /srv\n    files: [a]\n    envFile: /e\n" + lines))
	if err != nil {
		t.Fatal(err)
	}
	project, err := c.Projects["p"].compose("p", c.Docker)
	if d := cmp.Diff([]workload.Spec{spec}, project.Workloads, cmp.AllowUnexported(workload.Ref{})); err != nil || d != "" {
		t.Error(err, d)
	}
}

func TestFaultsOfAPlacementAreNamedWithTheirPlace(t *testing.T) {
	t.Parallel()
	_, err := Load(strings.NewReader("version: 2\nregistry: http://127.0.0.1:5000\ndocker: /run/docker.sock\nprojects:\n" +
		"  p: {root: /srv, files: [a], envFile: /e, services: {web: {container: c, image: i, keyPrefix: DB_, secrets: [lower], probe: {port: 0, path: /}}}}\n" +
		"  q: {root: srv, files: [a], envFile: /e, services: {web: {container: -c, image: i, keyPrefix: A_DEPLOY_, probe: {port: 1, path: x, flags: [.]}}}}"))
	if err == nil {
		t.Fatal("it is taken")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{
		"projects.p.services.web.keyPrefix: ", "projects.p.services.web.secrets: ", "projects.p.services.web.probe.port: ",
		"projects.q.services.web.container: ", "projects.q.services.web.probe.path: ", "projects.q.services.web.probe.flags: ", "projects.q: ",
	}
	for _, w := range want {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, w) }) {
			t.Errorf("no line begins with %s", w)
		}
	}
	if len(lines) != len(want) {
		t.Errorf("%d faults, want %d:\n%v", len(lines), len(want), err)
	}
}

func TestTheExampleIsValidAndShowsEveryKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "agent.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Its accounts are those of a real host.
	text := strings.NewReplacer("unidesk-ro", "1001", "unidesk-deploy", "1002").Replace(string(b))
	c, err := Load(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[Config](), reflect.TypeFor[Roles](), reflect.TypeFor[Project](), reflect.TypeFor[placement.Service](), reflect.TypeFor[placement.Probe](),
		reflect.TypeFor[Kubernetes](), reflect.TypeFor[Namespace](), reflect.TypeFor[placement.Rollout](), reflect.TypeFor[placement.Sync](),
		reflect.TypeFor[placement.Deployment](),
	} {
		for f := range of.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			// A comment stands above the first line with the key.
			first := regexp.MustCompile(`(?m)^(.*)\n *(?:# |- )?` + key + `:`).FindStringSubmatch(string(b))
			if first == nil || !strings.HasPrefix(strings.TrimSpace(first[1]), "#") {
				t.Errorf("%s does not describe %s of %s", path, key, of)
			}
		}
	}
	byDefault, err := Load(strings.NewReader("version: 2"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Socket != DefaultSocket || c.State != defaultState || !slices.Equal(c.Repositories, byDefault.Repositories) || c.DeltaQuota != byDefault.DeltaQuota {
		t.Errorf("the example's defaults are not the agent's: %+v", c)
	}
	// Who copies it can deploy what the built-in catalog brings live here.
	services, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	placed := 0
	for _, id := range services.Services() {
		row, err := services.Row(id.String())
		if err != nil {
			t.Fatal(err)
		}
		e := row.Environment(artifact.Prod)
		if e.Target.Host != "D601" || e.Target.Compose == nil {
			continue
		}
		at, spec := e.Target.Compose, row.Spec(artifact.Prod, "")
		project, err := c.Projects[at.Project].compose(at.Project, c.Docker)
		if err != nil {
			t.Fatal(err)
		}
		here := slices.IndexFunc(project.Workloads, func(w workload.Spec) bool { return w.Ref == spec.Ref })
		switch {
		case here < 0 && e.Mode == catalog.Live:
			t.Errorf("%s does not place %s", path, id)
		case here >= 0:
			if d := placement.Differences(spec, project.Workloads[here]); len(d) > 0 {
				t.Errorf("%s places %s otherwise than the catalog: %q", path, id, d)
			}
			if e.Mode == catalog.Live {
				placed++
			}
		}
	}
	if placed == 0 {
		t.Error("the catalog brings nothing live on D601")
	}
}

func TestRolesAreResolvedAndRootIsAdmin(t *testing.T) {
	t.Parallel()
	got, err := newRoles(Roles{Read: []string{"nobody", "1001"}, Operate: []string{"1002"}, Admin: []string{"1003"}})
	want := roles{0: rpc.RoleAdmin, 65534: rpc.RoleRead, 1001: rpc.RoleRead, 1002: rpc.RoleOperate, 1003: rpc.RoleAdmin}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if got[1004] != rpc.RoleNone {
		t.Error("an account that is not listed has a role")
	}
	if got, err := newRoles(Roles{Read: []string{"0"}}); err != nil || got[0] != rpc.RoleAdmin {
		t.Errorf("root listed as read: %v, %v", got, err)
	}
}

func TestTheSocketIsForItsFoldersGroup(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	path := filepath.Join(dir, "agent.sock")
	mode := func(path string) fs.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	l, err := listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if mode(dir) != 0o750 || mode(path) != 0o660 {
		t.Errorf("folder %o, socket %o", mode(dir), mode(path))
	}
	if _, err := listen(t.Context(), path); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("a second agent: %v", err)
	}
	// A killed agent leaves its socket behind.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
	if l, err = listen(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(t.Context(), path); err == nil {
		t.Error("took the place of a file")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Error("a file was removed")
	}
	if os.Getuid() != 0 {
		return
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 0, 65534); err != nil {
		t.Fatal(err)
	}
	if l, err = listen(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if gid := gidOf(t, path); gid != 65534 {
		t.Errorf("socket's group is %d", gid)
	}
}
