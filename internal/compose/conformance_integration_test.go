//go:build integration

package compose_test

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func TestConformance(t *testing.T) {
	workloadtest.Run(t, func(t *testing.T) workloadtest.Harness {
		t.Helper()
		t.Parallel()
		w := newWorld(t, "", "", "", "")
		return workloadtest.Harness{
			Target: w.target(), Reopen: func() workload.Target { return w.target() },
			Spec: w.spec, Images: w.images, Secret: secret, Secrets: workloadtest.Shown(w.spec, secret),
		}
	})
}
