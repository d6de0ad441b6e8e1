package workload_test

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestWhatPodsRunIsSaidInWords(t *testing.T) {
	t.Parallel()
	const digest = "0123456789ab0123456789ab0123456789ab0123456789ab0123456789ab0123"
	commit := map[string]string{workload.KeyCommit: "c0ffee"}
	ref, err := workload.NewRef(workload.Kubernetes, "unidesk-dev", "sample")
	if err != nil {
		t.Fatal(err)
	}
	spec := workload.Spec{
		Ref:        ref,
		Kubernetes: &workload.KubernetesSpec{Deployments: []workload.DeploymentSpec{{Name: "web"}}},
	}
	runs := workload.Instance{Unit: "web", Current: true, Running: true, Stamped: commit, ImageID: "127.0.0.1:5000/unidesk/sample@sha256:" + digest}
	starts, broken, ended := workload.Instance{Unit: "web", Current: true, Stamped: commit}, runs, runs
	broken.Running, broken.Trouble = false, "ErrImagePull: refused"
	ended.Running, ended.Started, ended.ExitCode = false, time.Unix(1, 0), 3
	old := runs
	old.Current, old.Stamped = false, map[string]string{workload.KeyCommit: "0ld"}
	for want, pods := range map[string][]workload.Instance{
		"no pod":                              nil,
		"runs c0ffee (image 0123456789ab)":    {starts, runs, old},
		"is about to run c0ffee":              {starts},
		"does not run c0ffee: exit code 3":    {ended},
		"still runs 0ld (image 0123456789ab)": {old},
		"is about to run c0ffee, and still runs 0ld (image 0123456789ab)":                     {starts, old},
		"does not run c0ffee: ErrImagePull: refused, and still runs 0ld (image 0123456789ab)": {broken, old},
	} {
		if got := spec.Describe(pods); got != "unidesk-dev/web "+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
