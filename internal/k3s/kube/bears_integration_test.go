//go:build integration

package kube_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// bears asks until the Deployment has rested between the look and the question.
func bears(t *testing.T, c *kube.Cluster, spec workload.Spec, change string, former kube.Deployment) (ours bool) {
	t.Helper()
	until(t, "an answer", func() (done bool) {
		var err error
		ours, err = c.Bears(t.Context(), look(t, c, spec), stampOf(change), former.Template)
		if err != nil && fault.ReasonOf(err) != fault.Stale {
			t.Fatal(err)
		}
		return err == nil
	})
	return ours
}

func TestOnlyTheTemplateOfThePatchIsOurs(t *testing.T) {
	t.Parallel()
	container := func(fields object) object {
		fields["name"] = "app"
		return object{"spec": object{"template": object{"spec": object{"containers": []object{fields}}}}}
	}
	for name, c := range map[string]struct {
		edit object
		want bool
	}{
		"nothing":              {edit: object{}, want: true},
		"scaled":               {edit: object{"spec": object{"replicas": 1}}, want: true},
		"a label of its own":   {edit: object{"metadata": object{"labels": object{"x": "y"}}}, want: true},
		"its environment":      {edit: container(object{"image": stampOf("c1").Image, "env": []object{{"name": "LEVEL", "value": "debug"}}})},
		"its image":            {edit: container(object{"image": "127.0.0.1:5000/unidesk/web:third"})},
		"a restart by kubectl": {edit: object{"spec": object{"template": object{"metadata": object{"annotations": object{"kubectl.kubernetes.io/restartedAt": "now"}}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			spec := placed(t, ns, "web")
			create(t, deploymentsAt(ns), manifest("web", rich))
			dry := atomic.Int32{}
			cluster := broken(t, spec, func(r *http.Request) bool {
				if r.URL.Query().Get("dryRun") != "" {
					dry.Add(1)
				}
				return false
			})
			former := settled(t, cluster, spec)
			stamped(t, cluster, spec, "c1")
			if !bears(t, cluster, spec, "c1", former) || dry.Load() != 0 {
				t.Errorf("what the patch made is not ours, or was asked for %d times", dry.Load())
			}
			if bears(t, cluster, spec, "c2", former) {
				t.Error("it is of another change")
			}
			edit(t, deploymentsAt(ns)+"/web", c.edit)
			if now := look(t, cluster, spec); now.Change != "c1" {
				t.Fatalf("the edit took the change's id away: %q", now.Change)
			}
			if got := bears(t, cluster, spec, "c1", former); got != c.want || c.want != (dry.Load() == 0) {
				t.Errorf("ours: %v after %d dry runs", got, dry.Load())
			}
			if now := look(t, cluster, spec); now.Change != "c1" {
				t.Errorf("the question changed the Deployment: %+v", now)
			}
		})
	}
}

func TestWhatAWebhookMakesOfThePatchIsOurs(t *testing.T) {
	t.Parallel()
	ns, spec, c := deployed(t, nil)
	former := settled(t, c, spec)
	rewritten(t, ns, c, spec)
	stamped(t, c, spec, "c1")
	if !bears(t, c, spec, "c1", former) {
		t.Error("what the webhook made of the patch is not ours")
	}
	edit(t, deploymentsAt(ns)+"/web", object{"spec": object{"template": object{"metadata": object{"annotations": object{"note": "x"}}}}})
	if bears(t, c, spec, "c1", former) {
		t.Error("an edit beside it is ours")
	}
}
