package kube_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// All seven deploy keys are in the environment, on the pod template and on the Deployment.
func TestAStampHasEachDeployKeyInThreePlaces(t *testing.T) {
	t.Parallel()
	s := newStore()
	var body []byte
	s.before = func(_ http.ResponseWriter, r *http.Request) bool {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		return false
	}
	stamp := stampOf("c1")
	if _, err := serve(t, s.ServeHTTP).Stamp(t.Context(), web(), stamp); err != nil {
		t.Fatal(err)
	}
	var patch []struct {
		Path  string
		Value json.RawMessage
	}
	if err := json.Unmarshal(body, &patch); err != nil {
		t.Fatal(err)
	}
	var template struct {
		Metadata struct{ Annotations map[string]string }
		Spec     struct {
			Containers []struct {
				Env []struct{ Name, Value string }
			}
		}
	}
	deployment := map[string]string{}
	for _, op := range patch {
		var err error
		if note, ok := strings.CutPrefix(op.Path, "/metadata/annotations/"); ok {
			var value string
			err = json.Unmarshal(op.Value, &value)
			deployment[strings.ReplaceAll(note, "~1", "/")] = value
		} else if op.Path == "/spec/template" {
			err = json.Unmarshal(op.Value, &template)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	env, notes := map[string]string{}, map[string]string{}
	for _, key := range workload.Keys() {
		env["UNIDESK_DEPLOY_"+key], notes[workload.Annotation(key)] = stamp.Values[key], stamp.Values[key]
	}
	got := map[string]string{}
	for _, e := range template.Spec.Containers[0].Env {
		got[e.Name] = e.Value
	}
	if diff := cmp.Diff(env, got) + cmp.Diff(notes, deployment); diff != "" || len(env) != 7 {
		t.Errorf("%d keys: %s", len(env), diff)
	}
	notes[workload.ChangeAnnotation] = "c1"
	if diff := cmp.Diff(notes, template.Metadata.Annotations); diff != "" {
		t.Error(diff)
	}
}
