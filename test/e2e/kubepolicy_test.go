//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// unfit makes what the policy refuses, and takes it away again.
func (k *cluster) unfit(t *testing.T) {
	spec := k.spec(t, "mdtodo", artifact.Dev)
	good := k.live(t, spec)
	next := release(t, "mdtodo", lab.Change{}).SourceCommit
	place := spec.Kubernetes.Deployments[0]
	deployment, service := "deployment/"+place.Name, "service/"+place.Service
	// A paused Deployment rolls nothing out.
	pod := func(text string) string { return `{"spec":{"paused":true,"template":{"spec":` + text + `}}}` }
	type finding struct{ says, fix string }
	for what, c := range map[string]struct {
		object, patch string
		finds         []finding
	}{
		"a NodePort":        {service, `{"spec":{"type":"NodePort"}}`, []finding{{"is a NodePort", "make the Service a ClusterIP"}}},
		"a LoadBalancer":    {service, `{"spec":{"type":"LoadBalancer"}}`, []finding{{"is a LoadBalancer", "make the Service a ClusterIP"}}},
		"paused":            {deployment, `{"spec":{"paused":true}}`, []finding{{"is paused", "rollout resume " + deployment}}},
		"scaled to nothing": {deployment, `{"spec":{"replicas":0}}`, []finding{{"are 0", "scale --replicas=1 " + deployment}}},
		"an Addon's": {
			deployment, `{"metadata":{"annotations":{"objectset.rio.cattle.io/owner-gvk":"k3s.cattle.io/v1, Kind=Addon","objectset.rio.cattle.io/owner-name":"mdtodo","objectset.rio.cattle.io/owner-namespace":"kube-system"}}}`,
			[]finding{{"puts its own manifest back", "/var/lib/rancher/k3s/server/manifests/mdtodo.yaml"}},
		},
		"a hostPort": {
			deployment, pod(fmt.Sprintf(`{"containers":[{"name":%q,"ports":[{"containerPort":%d,"hostPort":18080}]}]}`, place.Container, place.Probe.Port)),
			[]finding{{"take [18080] of the node", "remove hostPort"}, {"is paused", "rollout resume " + deployment}},
		},
		"a pod of many faults": {
			deployment, pod(fmt.Sprintf(`{"hostNetwork":true,
				"initContainers":[{"name":"migrate","image":%[1]q}],
				"containers":[{"name":"beside","image":%[1]q},{"name":%[2]q,"imagePullPolicy":"Always",
					"env":[{"name":"%[3]sCOMMIT","value":null,"valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]}]}`,
				two.ci.Ref("mdtodo", next), place.Container, spec.KeyPrefix)),
			[]finding{
				{"migrate, beside run the same image", "an image of their own"},
				{"takes COMMIT from another object", "remove these keys"},
				{"is Always", "imagePullPolicy: IfNotPresent"},
				{"use the node's network", "remove hostNetwork"},
			},
		},
	} {
		t.Run(what, func(t *testing.T) {
			mend := k.spoil(t, spec, c.object, c.patch)
			plan := controller(t, "artifact-registry", "deploy-service", "--service", "mdtodo", "--env", "dev", "--commit", next, "--config", quickConfig)
			for _, a := range []answer{plan, deployTo(t, spec, next)} {
				a.want(t, contract.DecidedBlocked, fault.WorkloadUnfit, 3)
				if f, first := a.result.Failure, c.finds[0]; !strings.Contains(f.Message, first.says) || !strings.Contains(f.Hint, first.fix) || a.result.Mutated {
					t.Errorf("mutated %v; %s (%s) lacks %q (%q)", a.result.Mutated, f.Message, f.Hint, first.says, first.fix)
				}
				for _, f := range c.finds {
					a.checks(t, proof.Check{Detail: f.says, Fix: f.fix})
				}
			}
			mend()
			k.runs(t, spec, good)
		})
	}
	t.Run("Recreate is a warning", func(t *testing.T) {
		mend := k.spoil(t, spec, deployment, `{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`)
		a := deployTo(t, spec, next)
		a.want(t, contract.DecidedSucceeded, "", 0)
		a.checks(t, proof.Check{OK: true, Warning: true, Detail: "the service is down between", Fix: "use RollingUpdate"})
		k.runs(t, spec, next)
		mend()
	})
}

// checks checks that the plan has a check that ended as the wanted check did, and that its
// words contain the wanted words.
func (a answer) checks(t *testing.T, want proof.Check) {
	t.Helper()
	var all []proof.Check
	if a.result.Plan != nil {
		all = a.result.Plan.Checks
	}
	for _, c := range all {
		if c.OK == want.OK && c.Warning == want.Warning && strings.Contains(c.Detail, want.Detail) && strings.Contains(c.Fix, want.Fix) {
			return
		}
	}
	t.Errorf("no check has %q (%q): %+v", want.Detail, want.Fix, all)
}

// spoil patches an object of a workload and returns what puts its former spec and
// annotations back, and waits for its Deployments.
func (k *cluster) spoil(t *testing.T, spec workload.Spec, object, patch string) (mend func()) {
	t.Helper()
	var former struct {
		Metadata struct{ Annotations map[string]string }
		Spec     json.RawMessage
	}
	must(t, k.Get(t.Context(), spec.Ref.Scope(), object, &former))
	ctx := context.WithoutCancel(t.Context())
	apply := func(kind, patch string) {
		t.Helper()
		_, err := k.Kubectl(ctx, "patch", object, "--namespace", spec.Ref.Scope(), "--type", kind, "--patch", patch)
		must(t, err)
	}
	apply("strategic", patch)
	return func() {
		t.Helper()
		back, err := json.Marshal([]map[string]any{
			{"op": "replace", "path": "/spec", "value": former.Spec},
			{"op": "replace", "path": "/metadata/annotations", "value": former.Metadata.Annotations},
		})
		must(t, err)
		apply("json", string(back))
		k.rolledOut(t, spec)
	}
}

// rolledOut waits until the Deployments of a workload have rolled out.
func (k *cluster) rolledOut(t *testing.T, spec workload.Spec) {
	t.Helper()
	for _, d := range spec.Kubernetes.Deployments {
		_, err := k.Kubectl(context.WithoutCancel(t.Context()), "rollout", "status", "deployment/"+d.Name, "--namespace", spec.Ref.Scope(), "--timeout", "2m")
		must(t, err)
	}
}

// scaled has an autoscaler with more replicas than the Deployment. An autoscaler
// brings its least number without any metrics.
func (k *cluster) scaled(t *testing.T) {
	spec := k.spec(t, "claudeqq", artifact.Dev)
	k.live(t, spec)
	name := spec.Kubernetes.Deployments[0].Name
	kubectl := func(args ...string) {
		t.Helper()
		_, err := k.Kubectl(context.WithoutCancel(t.Context()), append(args, "--namespace", spec.Ref.Scope())...)
		must(t, err)
	}
	kubectl("autoscale", "deployment/"+name, "--min=2", "--max=3")
	defer func() {
		kubectl("delete", "hpa", name)
		kubectl("scale", "deployment/"+name, "--replicas=1")
		k.rolledOut(t, spec)
	}()
	must(t, k.Wait(t.Context(), spec.Ref.Scope(), "deployment/"+name, "jsonpath={.status.availableReplicas}=2"))
	next := release(t, "claudeqq", lab.Change{}).SourceCommit
	a := deployTo(t, spec, next)
	a.want(t, contract.DecidedSucceeded, "", 0)
	a.checks(t, proof.Check{OK: true, Warning: true, Detail: name + " sets its replicas"})
	k.copies(t, spec, next, 2)

	bad := release(t, "claudeqq", lab.Change{Behaviour: "stale-commit"}).SourceCommit
	deployTo(t, spec, bad).want(t, contract.DecidedReverted, fault.NotProven, 1)
	k.copies(t, spec, next, 2)
	k.ownsNoReplicas(t, spec)
}

// ownsNoReplicas checks by the managed fields that the agent did not write the replicas.
func (k *cluster) ownsNoReplicas(t *testing.T, spec workload.Spec) {
	t.Helper()
	var o struct {
		Metadata struct {
			ManagedFields []struct {
				Manager  string
				FieldsV1 struct {
					Spec map[string]json.RawMessage `json:"f:spec"`
				}
			}
		}
	}
	out, err := k.Kubectl(t.Context(), "get", "deployment", spec.Kubernetes.Deployments[0].Name, "--namespace", spec.Ref.Scope(), "--show-managed-fields", "--output", "json")
	must(t, errors.Join(err, json.Unmarshal([]byte(out), &o)))
	ours := false
	for _, m := range o.Metadata.ManagedFields {
		_, template := m.FieldsV1.Spec["f:template"]
		_, replicas := m.FieldsV1.Spec["f:replicas"]
		if strings.Contains(m.Manager, "unidesk") {
			ours = ours || template
			if replicas {
				t.Errorf("%s wrote the replicas", m.Manager)
			}
		}
	}
	if !ours {
		t.Errorf("the agent wrote no template: %s", out)
	}
}
