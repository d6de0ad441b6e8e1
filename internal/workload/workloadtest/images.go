package workloadtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// FakeImages are n images that exist nowhere but look right.
func FakeImages(t testing.TB, n int) []artifact.Image {
	t.Helper()
	repository, err := artifact.ParseRepository("unidesk/sample")
	if err != nil {
		t.Fatal(err)
	}
	images := make([]artifact.Image, n)
	for i := range images {
		commit, err := artifact.ParseCommit(strings.Repeat(fmt.Sprintf("%x", i+1), 40))
		if err != nil {
			t.Fatal(err)
		}
		images[i] = artifact.Image{
			Pinned: artifact.Pinned{
				Repository: repository, Commit: commit,
				Manifest: artifact.DigestOf([]byte{byte(i), 'm'}), Config: artifact.DigestOf([]byte{byte(i), 'c'}),
			},
			Labels: map[string]string{artifact.LabelRevision: commit.String()},
		}
	}
	return images
}

// Ref names a service of a Compose project. It panics if the names have no such form.
func Ref(project, service string) workload.Ref {
	return newRef(workload.Compose, project, service)
}

func newRef(runtime workload.Runtime, scope, name string) workload.Ref {
	ref, err := workload.NewRef(runtime, scope, name)
	if err != nil {
		panic(err)
	}
	return ref
}

// Shown are what a host shows of the secrets of [SampleSpec], of which the first has this
// value and the second has none.
func Shown(spec workload.Spec, value string) []workload.Secret {
	return []workload.Secret{{Name: spec.Secrets[0], Present: true, Length: len(value)}, {Name: spec.Secrets[1]}}
}

// SampleSpec is a spec for a service called "sample" of a project.
func SampleSpec(project string) workload.Spec {
	return workload.Spec{
		Ref: Ref(project, "sample"), KeyPrefix: "UNIDESK_SAMPLE_DEPLOY_",
		Compose: &workload.ComposeSpec{ContainerName: project + "-sample-backend", Image: project + "-sample"},
		Secrets: []string{"SAMPLE_CLIENT_SECRET", "SAMPLE_NOT_THERE"},
		Probe:   workload.Probe{Port: 8080, Path: "/health"},
	}
}
