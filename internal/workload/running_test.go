package workload_test

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const digest = "0123456789ab0123456789ab0123456789ab0123456789ab0123456789ab0123"

// of is a copy that ran for a minute, of an image of this commit and with that commit in
// its environment.
func of(image, env string) workload.Instance {
	return workload.Instance{
		ID: "c0", Name: "web-backend", Unit: "web", Current: true, Running: true, ImageID: "127.0.0.1:5000/unidesk/sample@sha256:" + digest,
		Commit: image, Stamped: map[string]string{workload.KeyCommit: env}, Started: noon.Add(-time.Minute),
	}
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func but(in workload.Instance, change func(*workload.Instance)) workload.Instance {
	change(&in)
	return in
}

func TestWhatPodsRunIsSaidInWords(t *testing.T) {
	t.Parallel()
	ref, err := workload.NewRef(workload.Kubernetes, "unidesk-dev", "sample")
	if err != nil {
		t.Fatal(err)
	}
	spec := workload.Spec{
		Ref:        ref,
		Kubernetes: &workload.KubernetesSpec{Deployments: []workload.DeploymentSpec{{Name: "web"}}},
	}
	runs := of("c0ffee", "c0ffee")
	starts := workload.Instance{Unit: "web", Current: true, Image: "r/sample:c0ffee", Stamped: runs.Stamped}
	unpulled := but(starts, func(in *workload.Instance) { in.Trouble = "ErrImagePull: refused" })
	ended := but(runs, func(in *workload.Instance) { in.Running, in.ExitCode = false, 3 })
	crashes := but(runs, func(in *workload.Instance) {
		in.Running, in.Trouble = false, "CrashLoopBackOff (before: Error, exit code 1)"
	})
	old := but(of("0ld", "0ld"), func(in *workload.Instance) { in.Current = false })
	const image = " (image 0123456789ab)"
	for want, pods := range map[string][]workload.Instance{
		"no pod":                                         nil,
		"runs c0ffee" + image:                            {starts, runs, old},
		"is about to run r/sample:c0ffee":                {starts},
		"does not run c0ffee: exit code 3" + image:       {ended},
		"still runs 0ld" + image:                         {old},
		"runs c0ffee, but is not ready" + image:          {but(runs, func(in *workload.Instance) { in.Trouble = "is not ready" })},
		"runs c0ffee (its environment says 0ld)" + image: {of("c0ffee", "0ld")},
		"does not run c0ffee: CrashLoopBackOff (before: Error, exit code 1)" + image:      {crashes},
		"keeps restarting (4 restarts, the last at 11:59:00Z), with c0ffee" + image:       {but(runs, func(in *workload.Instance) { in.Restarts = 4 })},
		"is about to run r/sample:c0ffee, and still runs 0ld" + image:                     {starts, old},
		"does not run r/sample:c0ffee: ErrImagePull: refused, and still runs 0ld" + image: {unpulled, old},
	} {
		if got := spec.Describe(workload.Observation{At: noon, Instances: pods}); got != "unidesk-dev/web "+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWhatAContainerRunsIsItsImage(t *testing.T) {
	t.Parallel()
	ref, err := workload.NewRef(workload.Compose, "unidesk", "web")
	if err != nil {
		t.Fatal(err)
	}
	spec := workload.Spec{Ref: ref, Compose: &workload.ComposeSpec{ContainerName: "web-backend"}}
	for _, c := range []struct {
		in           workload.Instance
		want, commit string
	}{
		{of("a", "a"), "runs a", "a"},
		{of("a", ""), "runs a", "a"},
		{of("a", "b"), "runs a (its environment says b)", "a"},
		{of("", "b"), "runs an image that names no commit (its environment says b)", ""},
		{of("", ""), "runs an image that names no commit", ""},
		{but(of("a", "a"), func(in *workload.Instance) { in.Running, in.ExitCode = false, 137 }), "does not run a: exit code 137", ""},
		{but(of("a", "b"), func(in *workload.Instance) { in.Running, in.Trouble = false, "it is restarting" }), "does not run a (its environment says b): it is restarting", ""},
		{but(of("a", "a"), func(in *workload.Instance) { in.Trouble = "it is paused" }), "runs a, but it is paused", "a"},
		{but(of("a", "a"), func(in *workload.Instance) { in.Restarts = 3 }), "keeps restarting (3 restarts, the last at 11:59:00Z), with a", ""},
		{but(of("a", "a"), func(in *workload.Instance) { in.Restarts, in.Started = 3, noon.Add(-time.Hour) }), "runs a", "a"},
	} {
		seen := workload.Observation{At: noon, Instances: []workload.Instance{c.in}}
		if got, want := spec.Describe(seen), "web-backend "+c.want+" (container c0, image 0123456789ab)"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := seen.Commit(); got != c.commit {
			t.Errorf("%s: commit %q, want %q", c.want, got, c.commit)
		}
	}
	if got := spec.Describe(workload.Observation{}); got != "web-backend: no container" {
		t.Error(got)
	}
	two := workload.Observation{At: noon, Instances: []workload.Instance{of("a", "a"), of("b", "b")}}
	if got := two.Commit(); got != "" {
		t.Errorf("two differ: %q", got)
	}
}
