package proof_test

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func TestAnImageWithOtherLabelsIsRefused(t *testing.T) {
	t.Parallel()
	required := map[string]string{"org.example.revision": "abc"}
	for name, c := range map[string]struct {
		have   map[string]string
		blocks string
	}{
		"the required label":                  {map[string]string{"org.example.revision": "abc", "maintainer": "us"}, ""},
		"the label of another commit":         {map[string]string{"org.example.revision": "abd"}, "label org.example.revision"},
		"no label":                            {nil, "label org.example.revision"},
		"an empty label":                      {map[string]string{"org.example.revision": ""}, "label org.example.revision"},
		"a label that containerd acts on":     {map[string]string{"org.example.revision": "abc", "containerd.io/restart.status": "running"}, "label containerd.io/restart.status"},
		"a label that the CRI plugin acts on": {map[string]string{"org.example.revision": "abc", "io.cri-containerd.image": "managed"}, "label io.cri-containerd.image"},
		"a label that Kubernetes acts on":     {map[string]string{"org.example.revision": "abc", "io.kubernetes.pod.name": "x"}, "label io.kubernetes.pod.name"},
		"a label that Compose acts on":        {map[string]string{"org.example.revision": "abc", "com.docker.compose.project": "x"}, "label com.docker.compose.project"},
	} {
		got, found := proof.Blocking(proof.Labels(required, c.have))
		if got.Name != c.blocks || found != (c.blocks != "") {
			t.Errorf("%s: blocked by %q, want %q", name, got.Name, c.blocks)
		}
		if found && (got.Reason != fault.LabelMismatch || got.Fix == "") {
			t.Errorf("%s: reason %s, fix %q", name, got.Reason, got.Fix)
		}
	}
}

func TestAnImageForAnotherPlatformIsRefused(t *testing.T) {
	t.Parallel()
	engine := artifact.Platform{OS: "linux", Architecture: "amd64"}
	for image, ok := range map[artifact.Platform]bool{
		engine:                                 true,
		{OS: "linux", Architecture: "arm64"}:   false,
		{OS: "windows", Architecture: "amd64"}: false,
		{}:                                     false,
	} {
		if c := proof.Runs(engine, image); c.OK != ok {
			t.Errorf("an image for %s: %+v", image, c)
		}
	}
}

func TestAComposeFileThatBuildsTheImageDoesNotFit(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"always", "build"} {
		seen := workload.Observation{Units: []workload.Unit{{Compose: &workload.ComposeDefinition{PullPolicy: policy}}}}
		spec := workload.Spec{Ref: workloadtest.Ref("p", "web"), Compose: &workload.ComposeSpec{}}
		for _, c := range proof.Fit(spec, artifact.Image{}, seen) {
			if c.Name == "compose pull_policy" && c.OK {
				t.Errorf("pull_policy %s fits", policy)
			}
		}
	}
}
