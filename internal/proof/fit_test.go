package proof_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func TestWhatMakesAServiceUnfit(t *testing.T) {
	t.Parallel()
	spec := workload.Spec{
		Ref: workloadtest.Ref("unidesk", "sample"), KeyPrefix: "K_",
		Compose: &workload.ComposeSpec{Image: "sample", ContainerName: "sample-backend"},
	}
	fit := workload.ComposeDefinition{Image: "sample", ContainerName: "sample-backend", Replicas: 1}
	for _, k := range workload.Keys() {
		fit.References = append(fit.References, "K_"+k)
		fit.LabelReferences = append(fit.LabelReferences, "K_"+k)
	}
	if c, found := proof.Blocking(proof.FitCompose(spec, fit)); found {
		t.Error(c)
	}
	latest := fit
	latest.Image = "sample:latest"
	if c, found := proof.Blocking(proof.FitCompose(spec, latest)); found {
		t.Error(c)
	}
	for want, spoil := range map[string]func(*workload.ComposeDefinition){
		"compose image is other, want sample":             func(d *workload.ComposeDefinition) { d.Image = "other" },
		"compose container_name is missing, want sample-": func(d *workload.ComposeDefinition) { d.ContainerName = "" },
		"compose pull_policy is build":                    func(d *workload.ComposeDefinition) { d.PullPolicy = "build" },
		"compose replicas is 0, want 1":                   func(d *workload.ComposeDefinition) { d.Replicas = 0 },
		"compose environment lacks K_DEPLOYED_AT, ":       func(d *workload.ComposeDefinition) { d.References = d.References[:6] },
		"compose labels lack K_DEPLOYED_AT: ":             func(d *workload.ComposeDefinition) { d.LabelReferences = d.LabelReferences[:6] },
	} {
		d := fit
		spoil(&d)
		c, _ := proof.Blocking(proof.FitCompose(spec, d))
		if got := c.Name + " " + c.Detail; !strings.HasPrefix(got, want) || c.Reason != fault.WorkloadUnfit || c.Fix == "" {
			t.Errorf("%+v, want %q", c, want)
		}
	}
}
