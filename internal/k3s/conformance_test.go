package k3s_test

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/k3stest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	workloadtest.Run(t, func(t *testing.T) workloadtest.Harness {
		t.Helper()
		w := newWorld(t)
		w.node, w.dir = k3stest.New(w.spec, map[string]string{"TOKEN": password}, w.images), t.TempDir()
		w.node.Output = "my password is " + password
		reopen := func() workload.Target { return w.target() }
		return workloadtest.Harness{
			Target: reopen(), Reopen: reopen, Spec: w.spec, Images: w.images, Values: values(), Secret: password,
			Secrets: []workload.Secret{{Name: "password", Present: true, Length: len(password)}, {Name: "user", Present: true, Length: len(user)}},
		}
	})
}
