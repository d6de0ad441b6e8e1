//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/kube"
)

// placed is a workload in a namespace of its own on D601's Kubernetes, and an agent on
// D601 that has placed this workload alone, with the rights that the product prints. The
// agent copies no layers for deltas: the packaged agent does so on the same registry.
type placed struct {
	spec workload.Spec
	dir  string // on D601: configuration, state and socket
	cmd  *exec.Cmd
	said said
}

// place makes the namespace and the objects, and starts the agent.
func place(t *testing.T, k *kube.Cluster, spec workload.Spec, objects string) *placed {
	t.Helper()
	namespace := spec.Ref.Scope()
	p := &placed{spec: spec, dir: "/run/" + namespace}
	must(t, k.Apply(t.Context(), []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+"}\n---\n"+rights.Manifest([]workload.Spec{spec})+objects)))
	token, err := k.Kubectl(t.Context(), "create", "token", rights.Account, "--namespace", rights.AccountNamespace, "--duration", "24h")
	must(t, err)
	services, err := placement.OfNamespace(namespace, spec).YAML(6)
	must(t, err)
	must(t, put(t.Context(), k.Host,
		file{path: p.dir + "/token", text: token, mode: 0o600},
		file{path: p.dir + "/agent.yaml", mode: 0o600, text: fmt.Sprintf(`version: 2
socket: %[1]s/agent.sock
state: %[1]s
registry: http://%[2]s
repositories: []
kubernetes:
  token: %[1]s/token
  namespaces:
    %[3]s:
%[4]s`, p.dir, registryAddr, namespace, services)}))
	p.start(t)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the agent of %s: %s", namespace, p.said.String())
		}
		_, err := k.Kubectl(context.WithoutCancel(t.Context()), "delete", "namespace", namespace, "--wait=false")
		must(t, err)
	})
	return p
}

func (p *placed) start(t *testing.T) {
	t.Helper()
	// The context of a test ends before its clean-up, which kills the agent itself.
	p.cmd = two.D601.Exec(context.WithoutCancel(t.Context()), "/usr/bin/unidesk-agent", "serve", "--config", p.dir+"/agent.yaml")
	p.cmd.Stderr = &p.said
	must(t, p.cmd.Start())
	eventually(t, time.Minute, "the agent listens", func() error {
		conn, err := p.connect(t.Context())
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// kill ends the agent as a power cut would.
func (p *placed) kill() {
	_ = p.cmd.Cancel()
	_ = p.cmd.Wait() // it was killed: that is its exit
}

// connect reaches the agent's socket from outside.
func (p *placed) connect(ctx context.Context) (net.Conn, error) {
	return tunnel.Dial(ctx, tunnel.Config{Socket: filepath.Join("/proc", fmt.Sprint(two.D601.PID()), "root", p.dir, "agent.sock")})
}

func (p *placed) dial(t *testing.T) *rpc.Client {
	t.Helper()
	client, err := rpc.Dial(t.Context(), p.connect, rpc.Options{Version: "e2e"})
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// resolved is a published image as the agent's registry has it.
func (p *placed) resolved(t *testing.T, s lab.Summary) artifact.Image {
	t.Helper()
	repository, err := artifact.ParseRepository("unidesk/" + s.ServiceID)
	must(t, err)
	commit, err := artifact.ParseCommit(s.SourceCommit)
	must(t, err)
	config, err := imageOf(t, s.ServiceID, s.SourceCommit).ConfigFile()
	must(t, err)
	image, err := p.dial(t).Resolve(t.Context(), repository, commit, artifact.Platform{OS: config.OS, Architecture: config.Architecture})
	must(t, err)
	return image
}
