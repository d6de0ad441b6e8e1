//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/kube"
)

// The values that the suite's switches write. The containers print the password.
const (
	suitePassword = "hunter2-of-the-süite"
	suiteUser     = "somebody-new"
)

// conforms runs the suite that every target passes, by an agent on a real node.
func (k *cluster) conforms(t *testing.T) {
	const former = "lab.test/first:conformance"
	base := release(t, "decision-center", lab.Change{})
	must(t, k.Pull(t.Context(), base.DigestRef))
	must(t, k.Tag(t.Context(), base.DigestRef, former))
	workloadtest.Run(t, func(t *testing.T) workloadtest.Harness {
		t.Helper()
		t.Parallel()
		spec := suiteSpec(t)
		p := place(t, k.Cluster, spec, suiteObjects(t, spec, former))
		for _, d := range spec.Kubernetes.Deployments {
			must(t, k.Wait(t.Context(), spec.Ref.Scope(), "deployment/"+d.Name, "condition=Available"))
		}
		var images []artifact.Image
		for range 4 {
			commit := aCommit(t)
			s, err := two.ci.PushLabelled(t.Context(), base, commit, map[string]string{artifact.LabelRevision: commit})
			must(t, err)
			images = append(images, p.resolved(t, s))
		}
		target := func() workload.Target { return ended{p.dial(t).Workloads()} }
		return workloadtest.Harness{
			Target: target(), Spec: spec, Images: images, Secret: suitePassword,
			Values: workload.NewValues(map[string]string{"password": suitePassword, "user": suiteUser}),
			Secrets: []workload.Secret{
				{Name: "password", Present: true, Length: len(suitePassword)}, {Name: "user", Present: true, Length: len(suiteUser)},
			},
			Reopen: func() workload.Target {
				p.kill()
				p.start(t)
				return target()
			},
		}
	})
}

// ended is a target that is observed when no pod of an older revision is left: old pods
// end a moment after a rollout.
type ended struct{ workload.Target }

func (e ended) Observe(ctx context.Context, ref workload.Ref, probe bool) (workload.Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		seen, err := e.Target.Observe(ctx, ref, probe)
		if err != nil || !slices.ContainsFunc(seen.Instances, func(in workload.Instance) bool { return !in.Current }) {
			return seen, err
		}
		select {
		case <-ctx.Done():
			return workload.Observation{}, fmt.Errorf("old pods do not end: %w: %+v", context.Cause(ctx), seen.Instances)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// suiteSpec is a workload of two Deployments, of which the first has a Service, in a new
// namespace.
func suiteSpec(t *testing.T) workload.Spec {
	t.Helper()
	ref, err := workload.NewRef(workload.Kubernetes, "suite-"+aCommit(t)[:8], "sample")
	must(t, err)
	return workload.Spec{
		Ref: ref, KeyPrefix: "UNIDESK_DEPLOY_",
		Kubernetes: &workload.KubernetesSpec{
			Deployments: []workload.DeploymentSpec{
				{Name: "web", Container: "app", Service: "web", Probe: workload.Probe{Port: 8080, Path: "/health"}},
				{Name: "worker", Container: "app"},
			},
			Sync: &workload.ConfigSync{Secret: "auth", ConfigMap: "auth", Credentials: []string{"password"}, Settings: []string{"user"}},
		},
	}
}

// suiteObjects are the workload's objects before any deploy. The sample prints the name
// of its service, which is the password here.
func suiteObjects(t *testing.T, spec workload.Spec, image string) string {
	t.Helper()
	manifest, err := kube.Manifest(spec, image, nil)
	must(t, err)
	const env = `"env": [
  {"name": "PORT", "value": "8080"},
  {"name": "UNIDESK_SERVICE", "valueFrom": {"secretKeyRef": {"name": "auth", "key": "password", "optional": true}}},`
	given := strings.ReplaceAll(string(manifest), `"env": [`, env)
	if given == string(manifest) {
		t.Fatal("the manifest has no env of the expected form")
	}
	text := ""
	for _, kind := range []string{"Secret", "ConfigMap"} {
		text += fmt.Sprintf("---\napiVersion: v1\nkind: %s\nmetadata: {name: auth, namespace: %s}\n", kind, spec.Ref.Scope())
	}
	return text + "---\n" + given
}
