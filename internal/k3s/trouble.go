package k3s

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/scrub"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const unschedulable = "Unschedulable"

// hopeless reports whether a pod is in a state that time alone does not mend.
func hopeless(p workload.Instance) bool {
	switch reason(p.Trouble) {
	case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName",
		"CrashLoopBackOff", "OOMKilled", "CreateContainerConfigError":
		return true
	}
	return false
}

// reason is the cluster's word in a pod's trouble, which may begin with the container
// that it is about: "init container x: ErrImagePull: ...", "OOMKilled, exit code 137".
func reason(trouble string) string {
	for _, whose := range []string{"init container ", "container "} {
		if rest, ok := strings.CutPrefix(trouble, whose); ok {
			_, trouble, _ = strings.Cut(rest, ": ")
			break
		}
	}
	if end := strings.IndexAny(trouble, ":, "); end >= 0 {
		trouble = trouble[:end]
	}
	return trouble
}

// explain is about a pod that cannot run, with its last lines.
func (r *Runtime) explain(ctx context.Context, d kube.Deployment, p workload.Instance, secrets []string) error {
	said := ""
	if last, err := r.output(ctx, d, p, workload.Tail{Lines: tail}, secrets); err == nil && len(last.Lines) > 0 {
		said = "; its last lines:\n  " + strings.Join(last.Lines, "\n  ")
	}
	return fault.New(fault.RolloutFailed, "Deployment %s/%s: pod %s: %s%s", d.Namespace, d.Name, p.Name, p.Trouble, said).
		WithHint("kubectl -n %s describe pod %s", d.Namespace, p.Name)
}

// tail is how many lines an error has.
const tail = 10

// output returns the end of the output of a pod's placed container, scrubbed of what it was
// given and of more secrets: of its run before if it crashed.
func (r *Runtime) output(ctx context.Context, d kube.Deployment, p workload.Instance, tail workload.Tail, more []string) (out workload.Output, err error) {
	spec, place, err := r.place(d)
	if err != nil {
		return out, err
	}
	if p.Started.IsZero() && p.Restarts == 0 { // it has printed nothing yet, and the kubelet refuses to say so
		return workload.Output{Until: tail.After}, nil
	}
	given, err := r.given(ctx, spec, d)
	if err != nil {
		return out, err // without the values there is nothing to scrub with
	}
	raw, err := r.cluster.Logs(ctx, d.Namespace, p.Name, place.Container, tail, p.Restarts > 0 && p.Trouble != "")
	if err != nil && p.Restarts > 0 && p.Trouble != "" {
		raw, err = r.cluster.Logs(ctx, d.Namespace, p.Name, place.Container, tail, false)
	}
	if err != nil {
		return out, err
	}
	raw, out.Until = untimed(raw, tail.After)
	text := strings.TrimRight(scrub.New(append(given, more...)).String(string(raw)), "\n")
	if text == "" {
		return out, nil
	}
	lines := strings.Split(text, "\n")
	for _, line := range lines[max(0, len(lines)-tail.Lines):] {
		out.Lines = append(out.Lines, plain.Line(line))
	}
	return out, nil
}

// place returns where a Deployment stands in the configuration.
func (r *Runtime) place(d kube.Deployment) (workload.Spec, workload.DeploymentSpec, error) {
	for _, w := range r.config.Workloads {
		if place, ok := w.Deployment(d.Name); ok && w.Ref.Scope() == d.Namespace {
			return w, place, nil
		}
	}
	return workload.Spec{}, workload.DeploymentSpec{}, fault.New(fault.WorkloadNotFound, "this host has placed no Deployment %s/%s", d.Namespace, d.Name)
}

// given are the values that the containers of a Deployment are given, but for those that
// are no secrets: the deploy keys, and names of the workload's own.
func (r *Runtime) given(ctx context.Context, spec workload.Spec, d kube.Deployment) (secrets []string, err error) {
	var t struct {
		Spec struct {
			InitContainers, Containers []struct {
				Env []struct{ Name, Value string }
			}
		}
	}
	if err := json.Unmarshal(d.Template, &t); err != nil {
		return nil, fault.New(fault.Internal, "the pod template of Deployment %s/%s cannot be read", d.Namespace, d.Name)
	}
	names := []string{spec.Ref.Scope(), spec.Ref.Name(), d.Name}
	for _, c := range slices.Concat(t.Spec.InitContainers, t.Spec.Containers) {
		for _, e := range c.Env {
			key, prefixed := strings.CutPrefix(e.Name, spec.KeyPrefix)
			if ours := prefixed && slices.Contains(workload.Keys(), key); !ours && !slices.Contains(names, e.Value) {
				secrets = append(secrets, e.Value)
			}
		}
	}
	sync := spec.Kubernetes.Sync
	if sync == nil {
		return secrets, nil
	}
	now, err := r.cluster.Configuration(ctx, spec.Ref.Scope(), *sync)
	for _, key := range sync.Keys() {
		v, _ := current(now, key)
		secrets = append(secrets, v)
	}
	return secrets, err
}
