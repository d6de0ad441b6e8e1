package kube

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Each Kubernetes target of the catalog has the Deployments that it names, with the container, the image, the keys, and the
// Service that leads to their pods.
func TestAManifestIsWhatTheCatalogWants(t *testing.T) {
	t.Parallel()
	all, err := catalog.Parse(catalog.BuiltinFile())
	if err != nil {
		t.Fatal(err)
	}
	rendered := 0
	for _, target := range []struct {
		service string
		env     catalog.Env
	}{
		{"decision-center", catalog.Prod},
		{"decision-center", catalog.Dev},
		{"frontend", catalog.Dev},
		{"code-queue", catalog.Dev},
	} {
		row, err := all.Row(target.service)
		if err != nil {
			t.Fatal(err)
		}
		spec := row.Spec(target.env, "")
		const image = "127.0.0.1:5000/unidesk/some:1"
		content, err := Manifest(spec, image, map[string]string{workload.KeyCommit: "1"})
		if err != nil {
			t.Fatal(err)
		}
		got, want := read(t, content), []string{"Service " + spec.Ref.Scope() + "/" + spec.Kubernetes.Service}
		for _, d := range spec.Kubernetes.Deployments {
			want = append(want, "Deployment "+spec.Ref.Scope()+"/"+d)
		}
		var names []string
		for _, item := range got {
			names = append(names, item.Kind+" "+item.Metadata.Namespace+"/"+item.Metadata.Name)
			if item.Kind == "Service" {
				continue
			}
			rendered++
			container := item.Spec.Template.Spec.Containers[0]
			if container.Name != spec.Kubernetes.Container || container.Image != image || container.ImagePullPolicy != "IfNotPresent" {
				t.Errorf("%s has container %+v", item.Metadata.Name, container)
			}
			var keys []string
			for _, e := range container.Env {
				keys = append(keys, e.Name)
			}
			if missing := spec.MissingReferences(keys); len(missing) > 0 {
				t.Errorf("%s lacks %q", item.Metadata.Name, missing)
			}
			for k, v := range got[0].Spec.Selector.(map[string]any) {
				if item.Spec.Template.Metadata.Labels[k] != v {
					t.Errorf("the Service's %s=%s is not among the pod's %q", k, v, item.Spec.Template.Metadata.Labels)
				}
			}
		}
		if d := cmp.Diff(want, names); d != "" {
			t.Errorf("%s %s: %s", target.service, target.env, d)
		}
	}
	if rendered != 7 {
		t.Errorf("%d Deployments were looked at", rendered)
	}
}

type item struct {
	Kind     string
	Metadata struct{ Namespace, Name string }
	Spec     struct {
		Selector any
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Containers []struct {
					Name, Image, ImagePullPolicy string
					Env                          []struct{ Name string }
				}
			}
		}
	}
}

func read(t *testing.T, content []byte) []item {
	t.Helper()
	var list struct{ Items []item }
	if err := json.Unmarshal(content, &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}
