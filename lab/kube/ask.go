package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Kubectl runs kubectl on the host as the administrator, and returns what it printed.
func (k *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return k.Host.Output(ctx, append([]string{programs + "/kubectl", "--kubeconfig", Kubeconfig}, args...)...)
}

// Apply makes the objects of a manifest, YAML or JSON, or brings them to it.
func (k *Cluster) Apply(ctx context.Context, manifest []byte) error {
	return k.feed(ctx, bytes.NewReader(manifest), programs+"/kubectl", "--kubeconfig", Kubeconfig, "apply", "--filename", "-")
}

// feed runs a program on the host that reads a stream.
func (k *Cluster) feed(ctx context.Context, stdin io.Reader, argv ...string) error {
	cmd := k.Host.Exec(ctx, argv...)
	cmd.Stdin = stdin
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("on %s: %s: %w: %s", k.Host.Name, strings.Join(argv, " "), err, out)
	}
	return nil
}

// Get reads an object, KIND/NAME, into what its JSON fits. The namespace is empty for an object that has none.
func (k *Cluster) Get(ctx context.Context, namespace, object string, into any) error {
	out, err := k.Kubectl(ctx, "get", object, "--namespace", namespace, "--output", "json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("read %s: %w", object, err)
	}
	return nil
}

// Wait waits until an object, KIND/NAME, meets what, a value of kubectl's --for: create, delete, condition=Ready, jsonpath=... It ends
// with ctx, or after upTime, and then has the namespace's pods and events.
func (k *Cluster) Wait(ctx context.Context, namespace, object, what string) error {
	_, err := k.Kubectl(ctx, "wait", object, "--namespace", namespace, "--for", what, "--timeout", upTime.String())
	if err != nil && ctx.Err() == nil {
		for _, what := range [][]string{{"describe", "pods"}, {"get", "events"}} {
			state, failed := k.Kubectl(ctx, append(what, "--namespace", namespace)...)
			err = fmt.Errorf("%w\n%s", errors.Join(err, failed), state)
		}
	}
	return err
}

// WaitAPI waits until the API server is ready.
func (k *Cluster) WaitAPI(ctx context.Context) error {
	return until(ctx, func() error {
		_, err := k.Raw(ctx, "/readyz")
		return err
	})
}

// Raw is the API server's answer to a GET of a path, such as a Service's proxy; an answer that is not 2xx is an error.
func (k *Cluster) Raw(ctx context.Context, path string) (string, error) {
	return k.Kubectl(ctx, "get", "--raw", path)
}

// Client asks the API server at https://127.0.0.1:6443 as a user, from anywhere on this machine. RBAC decides what the user may.
func (k *Cluster) Client(user string, groups ...string) (*http.Client, error) {
	return k.Papers.Client(k.Host.Dial, user, groups...)
}

// Pull brings an image into containerd, by the CRI, as the kubelet would.
func (k *Cluster) Pull(ctx context.Context, ref string) error {
	_, err := k.Host.Output(ctx, programs+"/crictl", "pull", ref)
	return err
}

// Tag gives an image in containerd another name.
func (k *Cluster) Tag(ctx context.Context, from, to string) error {
	_, err := k.Host.Output(ctx, "/usr/local/bin/ctr", "images", "tag", "--force", from, to)
	return err
}
