package proof_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestAnEditedDefinitionIsAWarningAndAHeldNetworkARefusal(t *testing.T) {
	t.Parallel()
	ref, err := workload.NewRef(workload.Compose, "unidesk", "web")
	if err != nil {
		t.Fatal(err)
	}
	spec := workload.Spec{Ref: ref, Compose: &workload.ComposeSpec{ContainerName: "web-backend"}}
	for name, c := range map[string]struct {
		drift *workload.Drift
		want  []string // "refused NAME", "warned NAME"
		says  string
	}{
		"an older host":         {},
		"nothing differs":       {drift: &workload.Drift{}},
		"the service is edited": {&workload.Drift{Changed: true}, []string{"warned compose definition"}, "is not what container web-backend was made from"},
		"it was not compared":   {&workload.Drift{Unknown: "no answer"}, []string{"warned compose definition"}, "could not be compared with what runs: no answer"},
		"a network of its own":  {&workload.Drift{Networks: []workload.Network{{Name: "n"}}}, []string{"warned compose network n"}, "a deploy makes it anew"},
		"a network of others":   {&workload.Drift{Networks: []workload.Network{{Name: "n", Users: []string{"db", "api"}}}}, []string{"refused compose network n"}, "cannot as long as db, api is on it"},
		"a volume":              {&workload.Drift{Volumes: []string{"v"}}, []string{"warned compose volumes"}, "v: defined in another way than made"},
	} {
		seen := workload.Observation{Drift: c.drift, Instances: []workload.Instance{{Name: "web-backend", Current: true}}}
		checks := proof.Defined(spec, seen)
		var got []string
		for _, one := range checks {
			switch {
			case !one.OK && one.Reason == fault.WorkloadUnfit && one.Fix != "":
				got = append(got, "refused "+one.Name)
			case one.OK && one.Warning:
				got = append(got, "warned "+one.Name)
			}
			if !strings.Contains(one.Detail, c.says) {
				t.Errorf("%s: %q", name, one.Detail)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if lasting := proof.Lasting(checks); (len(lasting) > 0) != (len(c.want) > 0 && strings.HasPrefix(c.want[0], "warned")) {
			t.Errorf("%s: the result has %q", name, lasting)
		}
	}
	if got := proof.Defined(spec, workload.Observation{Drift: &workload.Drift{Changed: true}}); got != nil {
		t.Errorf("nothing runs: %+v", got)
	}
}
