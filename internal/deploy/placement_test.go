package deploy_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A host that places the service otherwise than the catalog would stamp and ask
// something else than what was planned.
func TestAHostThatPlacesTheServiceOtherwiseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		place func(workload.Spec) workload.Spec
		says  []string
	}{
		"it asks another port": {
			func(s workload.Spec) workload.Spec { s.Probe.Port = 1; return s },
			[]string{"probe.port is 1, want 8080"},
		},
		"it names the service and says no more": {
			func(s workload.Spec) workload.Spec { return workload.Spec{Ref: s.Ref} },
			[]string{"it says nothing but the service's name"},
		},
		"two things differ": {
			func(s workload.Spec) workload.Spec { s.Probe.Port, s.KeyPrefix = 1, "OTHER_DEPLOY_"; return s },
			[]string{"keyPrefix is OTHER_DEPLOY_, want UNIDESK_FINDJOB_DEPLOY_", "probe.port is 1, want 8080"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			onD601(t, func(t *testing.T, w *world) {
				w.Place(c.place(w.spec))
				w.readOnly = true
				plan := w.Plan(t.Context(), w.contract(b))
				want(t, plan, contract.DecidedBlocked, fault.WorkloadUnfit)
				run := w.run(b)
				want(t, run, contract.DecidedBlocked, fault.WorkloadUnfit)
				for _, r := range []contract.Result{plan, run} {
					if m := "placement is another one than the catalog's: " + strings.Join(c.says, "; "); r.Failure.Message != m || r.Failure.Step != workload.PointPreflight {
						t.Errorf("at %s: %s, want %s", r.Failure.Step, r.Failure.Message, m)
					}
					if w.mended(t, r.Failure.Hint); r.Mutated || r.Receipt != nil {
						t.Errorf("mutated %v, receipt %+v", r.Mutated, r.Receipt)
					}
				}
				w.Place(w.spec)
				w.readOnly = false
				want(t, w.run(b), contract.DecidedSucceeded, "")
			})
		})
	}
}

// mended fails unless the hint's lines are the placement that the catalog wants.
func (w *world) mended(t *testing.T, hint string) {
	t.Helper()
	before, rest, _ := strings.Cut(hint, "write\n")
	lines, after, ok := strings.Cut(rest, "and restart the agent")
	if !ok || !strings.HasPrefix(before, "on D601, where its agent.yaml places the project: ") || !strings.Contains(after, "systemctl restart unidesk-agent") {
		t.Errorf("hint %q", hint)
	}
	if !strings.HasPrefix(lines, "    services:\n      findjob:\n") {
		t.Errorf("the lines are not indented for a project:\n%s", lines)
	}
	var project struct{ Services placement.Services }
	if err := yaml.Load([]byte(lines), &project, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	specs, err := project.Services.Specs(w.spec.Ref.Scope())
	if err != nil || len(specs) != 1 {
		t.Fatalf("%+v, %v", specs, err)
	}
	if d := placement.Differences(w.spec, specs[0]); len(d) > 0 || specs[0].Ref != w.spec.Ref {
		t.Errorf("pasted, they still differ for %s: %q", specs[0].Ref, d)
	}
}
