package workloadtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// FakeImages are n images that exist nowhere but look right.
func FakeImages(t *testing.T, n int) []artifact.Image {
	t.Helper()
	images := make([]artifact.Image, n)
	for i := range images {
		commit, err := artifact.ParseCommit(strings.Repeat(fmt.Sprintf("%x", i+1), 40))
		if err != nil {
			t.Fatal(err)
		}
		images[i] = artifact.Image{
			Commit: commit, Manifest: artifact.DigestOf([]byte{byte(i), 'm'}), Config: artifact.DigestOf([]byte{byte(i), 'c'}),
			Labels: map[string]string{artifact.LabelRevision: commit.String()},
		}
	}
	return images
}

// SampleSpec is a spec for a service called "sample" of a project.
func SampleSpec(project string) workload.Spec {
	return workload.Spec{
		Ref:       workload.Ref{Compose: &workload.ComposeRef{Project: project, Service: "sample"}},
		Container: project + "-sample-backend", Image: project + "-sample", EnvPrefix: "UNIDESK_SAMPLE_DEPLOY_",
		Secrets: []string{"SAMPLE_CLIENT_SECRET", "SAMPLE_NOT_THERE"},
		Probe:   workload.Probe{Port: 8080, Path: "/health"},
	}
}
