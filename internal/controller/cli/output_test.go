package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/metrics"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// The page that scripts are written by names every metric, decision and point; package schema
// holds its keys.
func TestOutputPageIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range metrics.Names() {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/output.md does not name the metric %q", name)
		}
	}
	for _, d := range []registry.Decision{
		registry.Healthy, registry.NotInstalled, registry.RuntimeUnavailable, registry.ServiceDegraded, registry.Drifted,
		registry.HostUnreachable, registry.AgentUnavailable, registry.Refused, registry.InstallFailed,
	} {
		if !strings.Contains(string(page), "`"+string(d)+"`") {
			t.Errorf("docs/output.md does not name the decision %q", d)
		}
	}
	for _, p := range workloadtest.Points() {
		if !strings.Contains(string(page), "`"+string(p)+"`") {
			t.Errorf("docs/output.md does not name the point %q", p)
		}
	}
}
