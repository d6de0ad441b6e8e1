package cli_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/metrics"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/registryanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// The page that scripts are written by names every key and every point.
func TestOutputPageIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	results := []any{
		contract.Result{},
		contract.Failure{},
		fault.Report{},
		contract.Recovery{},
		contract.Gate{},
		contract.AuthSync{},
		contract.Reconciliation{},
		contract.Reconciled{},
		contract.Comparison{},
		contract.Difference{},
		contract.Scope{},
		overview.Status{},
		overview.Host{},
		overview.Registry{},
		overview.Run{},
		overview.Interrupted{},
		overview.Live{},
		overview.Receipt{},
		present.SentNotice{},
		present.Configuration{},
		notify.Claim{},
		notify.Delivery{},
		registry.Report{},
		registry.Check{},
		registry.Failure{},
		registry.Progress{},
		registry.Planned{},
		registry.Settings{},
	}
	plan := inventory.NewRegistryPlan(site.Defaults(), "")
	results = append(results, plan, plan.Dependencies, plan.Paths[0],
		present.Measured{}, metrics.Family{}, metrics.Sample{}, registryanswer.Result{}, registryanswer.Rendering{}, registryanswer.File{}, registryanswer.DryRunResult{})
	for _, v := range results {
		for f := range reflect.TypeOf(v).Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || !f.IsExported() || key == "-" {
				continue
			}
			if !strings.Contains(string(page), "`"+key+"`") {
				t.Errorf("docs/output.md does not name %q of %T", key, v)
			}
		}
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
