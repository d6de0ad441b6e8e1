//go:build integration

package bootstrap

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/lab/apiserver"
)

// withCluster makes the tree a node whose root administers a real API server. It
// returns kubectl there.
func (w *tree) withCluster(t *testing.T) func(args ...string) string {
	t.Helper()
	server, err := apiserver.Start(t.Context(), apiserver.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	programs, err := apiserver.Programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/programs", "/etc/rancher/k3s"} {
		if err := os.MkdirAll(w.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount(programs, w.path("/programs"), "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(w.path("/programs"), unix.MNT_DETACH) })
	if err := os.Symlink("/programs/kubectl", w.path("/stand-in/kubectl")); err != nil {
		t.Fatal(err)
	}
	admin, err := os.ReadFile(server.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path("/etc/rancher/k3s/k3s.yaml"), admin, 0o600); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), programs+"/kubectl", append([]string{"--kubeconfig", server.Kubeconfig, "--cache-dir", t.TempDir()}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
}

func TestANodesClusterGivesTheAgentWhatItNeedsAndASecondRunChangesNothing(t *testing.T) {
	w := newTree(t)
	kubectl := w.withCluster(t)
	b := agentOf(t, "/bin/sleep", "one")
	cluster := objects(t)
	run := func(want Decision) Result {
		t.Helper()
		h := w.host(b)
		h.Cluster = cluster
		r := h.Run(t.Context(), false)
		if r.Decision != want {
			t.Fatalf("got %s, want %s: %+v\nfailure %+v", r.Decision, want, r, r.Failure)
		}
		return r
	}
	changed := func(r Result) (list []string) {
		for _, a := range r.Acts {
			if a.Changed {
				list = append(list, a.Target)
			}
		}
		return list
	}
	token := func() string {
		t.Helper()
		info, err := os.Lstat(w.path(tokenPath))
		if err != nil || info.Mode() != 0o600 {
			t.Fatalf("%v, %v", info, err)
		}
		content, err := os.ReadFile(w.path(tokenPath))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	state := w.path("/var/lib/unidesk-agent") // systemd makes it when the agent starts
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}

	if r := run(Succeeded); len(r.ToDo) != 1 || !strings.Contains(r.ToDo[0], "no namespace wiki") {
		t.Errorf("without the services' namespace: %q", r.ToDo)
	}
	kubectl("create", "namespace", "wiki")
	pid := w.pid()
	h := w.host(b)
	h.Cluster = cluster
	if dry := h.Run(t.Context(), true); dry.Changes != 10 || strings.Contains(kubectl("get", "namespaces"), "unidesk-system") {
		t.Errorf("the dry run: %+v", dry)
	}
	if r := run(Succeeded); r.Changes != 10 || r.ToDo != nil || w.pid() == pid {
		t.Errorf("%q, %q", changed(r), r.ToDo)
	}
	first := token()
	kubectl("-n", "wiki", "patch", "secret", "auth", "--type=merge", "--patch", `{"stringData":{"password":"kept"}}`)
	pid = w.pid()
	if r := run(Unchanged); r.Changes != 0 || w.pid() != pid || token() != first {
		t.Errorf("again: %q", changed(r))
	}

	kubectl("-n", "wiki", "patch", "role", "unidesk-agent", "--type=json", "--patch", `[{"op":"remove","path":"/rules/0"}]`)
	kubectl("-n", "wiki", "delete", "configmap", "settings")
	if r := run(Succeeded); strings.Join(changed(r), ", ") != "role wiki/unidesk-agent, configmap wiki/settings, unidesk-agent.service restarted" || token() != first {
		t.Errorf("after an edit: %q", changed(r))
	}
	if kubectl("-n", "wiki", "get", "secret", "auth", "--output", "jsonpath={.data.password}") != "a2VwdA==" {
		t.Error("the Secret lost its value")
	}

	const renewal = tokenPath + ", unidesk-agent.service restarted"
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
	}{
		"of another cluster": {first[:len(first)-8] + "AAAAAAA\n", 0o600},
		"that others read":   {first, 0o644},
		"that is no token":   {`"}`, 0o600},
	} {
		if err := errors.Join(os.WriteFile(w.path(tokenPath), []byte(c.content), 0o600), os.Chmod(w.path(tokenPath), c.mode)); err != nil {
			t.Fatal(err)
		}
		if dry := h.Run(t.Context(), true); strings.Join(changed(dry), ", ") != renewal {
			t.Errorf("a token %s: %q", name, changed(dry))
		}
	}
	if r := run(Succeeded); strings.Join(changed(r), ", ") != renewal || token() == first {
		t.Errorf("another token: %q", changed(r))
	}

	// Nothing else is left, and a cluster that does not answer is not the agent's fault.
	if left, err := os.ReadDir(state); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if err := os.WriteFile(w.path("/etc/rancher/k3s/k3s.yaml"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(Unchanged); len(r.ToDo) != 1 || !strings.Contains(r.ToDo[0], "does not answer root") {
		t.Errorf("a cluster that is down: %q", r.ToDo)
	}
}
