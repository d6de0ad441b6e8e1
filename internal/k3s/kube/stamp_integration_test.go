//go:build integration

package kube_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// rich has all that a patch could spoil: another container first, an init container of
// the same image, a deploy key in the middle of the environment and a deploy key that
// another object gives.
func rich(all, pod object) {
	pod["initContainers"] = []object{{"name": "migrate", "image": "127.0.0.1:5000/unidesk/web:old"}}
	pod["containers"] = []object{
		{"name": "sidecar", "image": "127.0.0.1:5000/unidesk/sidecar:1", "env": []object{{"name": "UNIDESK_DEPLOY_COMMIT", "value": "sidecar's"}}},
		{"name": "app", "image": "127.0.0.1:5000/unidesk/web:old", "env": []object{
			{"name": "ZEBRA", "value": "<&>"},
			{"name": "UNIDESK_DEPLOY_COMMIT", "value": "old"},
			{"name": "NODE", "valueFrom": object{"fieldRef": object{"fieldPath": "spec.nodeName"}}},
			{"name": "UNIDESK_DEPLOY_IMAGE", "valueFrom": object{"fieldRef": object{"fieldPath": "metadata.name"}}},
			{"name": "AFTER", "value": "$(ZEBRA)"},
		}},
	}
	all["metadata"].(object)["annotations"] = object{"team": "desk"}
}

func TestAStampIsOnePatchAndTheWayBackIsExact(t *testing.T) {
	t.Parallel()
	ns, spec, c := deployed(t, rich)
	settled(t, c, spec)
	before := rolled(t, c, spec)
	if d := before.Definition; !slices.Equal(d.Containers, []string{"migrate", "sidecar", "app"}) || !slices.Equal(d.SameImage, []string{"migrate"}) ||
		!slices.Equal(d.Computed, []string{workload.KeyImage}) || before.Stamped[workload.KeyCommit] != "old" || d.Strategy != "RollingUpdate" {
		t.Errorf("the definition is %+v, stamped %v", d, before.Stamped)
	}
	object0 := get(t, deploymentsAt(ns)+"/web")

	stamp := stampOf("change-1")
	after, err := c.Stamp(t.Context(), before, stamp)
	if err != nil {
		t.Fatal(err)
	}
	if after.Change != "change-1" || after.Definition.Image != stamp.Image || len(after.Definition.Computed) != 0 || len(after.Annotations) != 7 || !maps.Equal(after.Definition.Annotated, stamp.Values) {
		t.Errorf("after the stamp: %+v", after)
	}
	if diff := cmp.Diff(stamp.Values, after.Definition.Annotated); diff != "" {
		t.Errorf("the template's annotations: %s", diff)
	}
	if diff := cmp.Diff(stamp.Values, after.Stamped); diff != "" {
		t.Error(diff)
	}
	// Beside what was stamped, nothing may differ.
	want := object0["spec"].(object)["template"].(object)
	pod := want["spec"].(object)["containers"].([]any)[1].(object)
	pod["image"] = stamp.Image
	env := pod["env"].([]any)
	env[1].(object)["value"] = stamp.Values[workload.KeyCommit]
	env[3] = object{"name": "UNIDESK_DEPLOY_IMAGE", "value": stamp.Values[workload.KeyImage]}
	for _, key := range workload.Keys() {
		if key != workload.KeyCommit && key != workload.KeyImage {
			env = append(env, object{"name": "UNIDESK_DEPLOY_" + key, "value": stamp.Values[key]})
		}
	}
	pod["env"] = env
	notes := object{workload.ChangeAnnotation: "change-1"}
	for _, key := range workload.Keys() {
		notes[workload.Annotation(key)] = stamp.Values[key]
	}
	want["metadata"].(object)["annotations"] = notes
	var got any
	if err := json.Unmarshal(after.Template, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("the template: %s", diff)
	}
	if spec := get(t, deploymentsAt(ns)+"/web")["spec"].(object); spec["replicas"] != 2.0 {
		t.Errorf("%v replicas", spec["replicas"])
	}
	if settled(t, c, spec); len(look(t, c, spec).Definition.Revision) == 0 {
		t.Error("there is no new revision")
	}
	now := rolled(t, c, spec)
	if now.Definition.Revision == before.Definition.Revision {
		t.Errorf("the revision is still %s", now.Definition.Revision)
	}
	for _, p := range now.Pods {
		if !p.Current || p.Image != stamp.Image || p.Stamped[workload.KeyCommit] != stamp.Values[workload.KeyCommit] {
			t.Errorf("a pod of the new revision: %+v", p)
		}
	}

	back, err := c.Restore(t.Context(), now, stamp, kube.Former{Template: before.Template, Annotations: before.Annotations})
	if err != nil {
		t.Fatal(err)
	}
	if string(back.Template) != string(before.Template) || len(back.Annotations) != 0 || back.Change != "" {
		t.Errorf("put back:\n%s\nbefore:\n%s\n%v", back.Template, before.Template, back.Annotations)
	}
	settled(t, c, spec)
	if d := rolled(t, c, spec); d.Definition.Revision != before.Definition.Revision {
		t.Errorf("the revision is %s, it was %s", d.Definition.Revision, before.Definition.Revision)
	}
	if meta := get(t, deploymentsAt(ns)+"/web")["metadata"].(object); meta["annotations"].(object)["team"] != "desk" {
		t.Errorf("the annotations are %v", meta["annotations"])
	}
	again, err := c.Restore(t.Context(), look(t, c, spec), stamp, kube.Former{Template: before.Template})
	if err != nil || string(again.Template) != string(before.Template) {
		t.Errorf("put back twice: %v", err)
	}
}

func TestAPatchForAnotherVersionIsStale(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]object{
		"a label of its pods is another": {"spec": object{"template": object{"metadata": object{"labels": object{"x": "y"}}}}},
		"its container is at another place": {"spec": object{"template": object{"spec": object{"containers": []object{
			{"name": "app", "image": "127.0.0.1:5000/unidesk/web:old"},
		}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, spec, c := deployed(t, rich)
			d := settled(t, c, spec)
			edit(t, deploymentsAt(ns)+"/web", change)
			if _, err := c.Stamp(t.Context(), d, stampOf("c")); fault.ReasonOf(err) != fault.Stale {
				t.Errorf("the stamp: %v", err)
			}
			if now := look(t, c, spec); now.Change != "" {
				t.Errorf("it bears %q", now.Change)
			}
		})
	}
}

func TestOnlyTheOwnChangeIsPutBack(t *testing.T) {
	t.Parallel()
	ns, spec, c := deployed(t, nil)
	before := settled(t, c, spec)
	stamped(t, c, spec, "theirs")
	former := kube.Former{Template: before.Template}
	if _, err := c.Restore(t.Context(), look(t, c, spec), stampOf("ours"), former); fault.ReasonOf(err) != fault.Stale {
		t.Errorf("another's change: %v", err)
	}
	seen := settled(t, c, spec)
	edit(t, deploymentsAt(ns)+"/web", object{"spec": object{"template": object{"metadata": object{"labels": object{"x": "y"}}}}})
	if _, err := c.Restore(t.Context(), seen, stampOf("theirs"), former); fault.ReasonOf(err) != fault.Stale {
		t.Errorf("another template: %v", err)
	}
}

func TestALostReplyOfARealServerIsReadBack(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	spec := placed(t, ns, "web")
	create(t, deploymentsAt(ns), manifest("web", nil))
	patches := atomic.Int32{}
	c := broken(t, spec, func(r *http.Request) bool {
		if r.Method == http.MethodPatch {
			patches.Add(1)
			return true
		}
		return false
	})
	settled(t, c, spec)
	before := rolled(t, c, spec) // its version rests
	after, err := c.Stamp(t.Context(), before, stampOf("c1"))
	if err != nil || after.Change != "c1" || patches.Load() != 1 {
		t.Fatalf("%d patches, change %q, %v", patches.Load(), after.Change, err)
	}
	again, err := c.Stamp(t.Context(), after, stampOf("c1"))
	if err != nil || again.Version != after.Version || patches.Load() != 1 {
		t.Errorf("again: %d patches, version %s, was %s, %v", patches.Load(), again.Version, after.Version, err)
	}
	settled(t, c, spec)
	back, err := c.Restore(t.Context(), rolled(t, c, spec), stampOf("c1"), kube.Former{Template: before.Template})
	if err != nil || string(back.Template) != string(before.Template) || patches.Load() != 2 {
		t.Errorf("back: %d patches, %v", patches.Load(), err)
	}
}

func TestAMissingDeploymentAndAMissingContainerAreNamed(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	spec := placed(t, ns, "web")
	c := agent(t, spec)
	if _, err := c.Deployments(t.Context(), spec); fault.ReasonOf(err) != fault.WorkloadNotFound || !strings.Contains(err.Error(), ns+"/web") {
		t.Errorf("the Deployment: %v", err)
	}
	create(t, deploymentsAt(ns), manifest("web", nil))
	stamp := stampOf("c")
	stamp.Container = "main"
	if _, err := c.Stamp(t.Context(), settled(t, c, spec), stamp); fault.ReasonOf(err) != fault.WorkloadUnfit || !strings.Contains(fault.HintOf(err), "app") {
		t.Errorf("the container: %v, %s", err, fault.HintOf(err))
	}
}

// stamped stamps a Deployment whose version may change with the count of its pods.
func stamped(t *testing.T, c *kube.Cluster, spec workload.Spec, change string) {
	t.Helper()
	until(t, "a stamp", func() bool {
		_, err := c.Stamp(t.Context(), look(t, c, spec), stampOf(change))
		if err != nil && fault.ReasonOf(err) != fault.Stale {
			t.Fatal(err)
		}
		return err == nil
	})
}

// hook is an admission webhook of a single namespace.
func hook(t *testing.T, ns, kind, resource, rule string, answer func(request object) object) {
	t.Helper()
	hookAt(t, ns, kind, resource, rule, object{"url": serveHook(t, answer), "caBundle": authority(t)})
}

// hookAt is an admission webhook that is reached so.
func hookAt(t *testing.T, ns, kind, resource, rule string, client object) {
	t.Helper()
	group := map[string]string{"deployments": "apps"}[resource]
	name := "/apis/admissionregistration.k8s.io/v1/" + strings.ToLower(kind[:1]) + kind[1:] + "webhookconfigurations"
	create(t, name, object{"metadata": object{"name": ns}, "webhooks": []object{{
		"name": "hook.unidesk.dev", "clientConfig": client, "sideEffects": "None",
		"admissionReviewVersions": []string{"v1"}, "failurePolicy": "Fail", "timeoutSeconds": 5,
		"namespaceSelector": object{"matchLabels": object{"kubernetes.io/metadata.name": ns}},
		"rules":             []object{{"apiGroups": []string{group}, "apiVersions": []string{"v1"}, "resources": strings.Split(resource, ","), "operations": []string{rule}}},
	}}})
	t.Cleanup(func() { deleteHook(t, name+"/"+ns) })
}
