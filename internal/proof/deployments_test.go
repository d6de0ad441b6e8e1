package proof_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// rolled is a workload of two Deployments, of which the second has no Service, as it
// looks when everything holds.
func rolled(t *testing.T) (proof.Wanted, workload.Observation) {
	t.Helper()
	ref, err := workload.NewRef(workload.Kubernetes, "unidesk-dev", "web")
	if err != nil {
		t.Fatal(err)
	}
	want := wanted()
	want.Spec = workload.Spec{Ref: ref, KeyPrefix: "UNIDESK_DEPLOY_", Kubernetes: &workload.KubernetesSpec{Deployments: []workload.DeploymentSpec{
		{Name: "web-dev", Container: "web", Service: "web-dev", Probe: workload.Probe{Port: 8080, Path: "/health", Flags: []string{"auth.loggedIn"}}},
		{Name: "worker-dev", Container: "worker"},
	}}}
	annotated := map[string]string{"COMMIT": commitA.String(), "REQUESTED_COMMIT": commitA.String(), "DIGEST": manifest.String()}
	definition := func() *workload.DeploymentDefinition {
		return &workload.DeploymentDefinition{
			Revision: "rs", Generation: 2, Seen: 2, Image: "127.0.0.1:5000/unidesk/web:x", PullPolicy: "IfNotPresent", Containers: []string{"web"},
			Strategy: "RollingUpdate", Replicas: workload.Replicas{Want: 2, Updated: 2, Ready: 2, Available: 2},
			Exposures: []workload.Exposure{{Service: "web-dev", Type: "ClusterIP"}}, ProgressDeadline: 10 * time.Minute, Annotated: maps.Clone(annotated),
		}
	}
	seen := workload.Observation{Units: []workload.Unit{
		{Name: "web-dev", Deployment: definition(), Health: right().Health}, {Name: "worker-dev", Deployment: definition()},
	}}
	for _, name := range []string{"web-1", "web-2", "worker-1", "worker-2"} {
		in := right()
		in.ID, in.Name, in.Health = name, name, nil
		in.Unit, _, _ = strings.Cut(name, "-")
		in.Unit += "-dev"
		seen.Instances = append(seen.Instances, *in)
	}
	return want, seen
}

func TestJudgeDeployments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*workload.Observation)
		status proof.Status
		reason string
	}{
		"all holds":                  {func(*workload.Observation) {}, proof.Proven, ""},
		"the last pod's image":       {func(o *workload.Observation) { o.Instances[3].Config = manifest }, proof.Wrong, "worker-dev image config digest is "},
		"a label":                    {func(o *workload.Observation) { o.Instances[1].Labels = nil }, proof.Wrong, "web-dev label "},
		"the env of a pod":           {func(o *workload.Observation) { o.Instances[1].Stamped["COMMIT"] = commitB.String() }, proof.Wrong, "web-dev env COMMIT is " + commitB.String()},
		"an annotation":              {func(o *workload.Observation) { o.Units[1].Deployment.Annotated["DIGEST"] = "x" }, proof.Wrong, "worker-dev annotation unidesk.dev/deploy-digest is x"},
		"a pod that starts":          {func(o *workload.Observation) { o.Instances[1].ImageID = "" }, proof.Waiting, "web-dev pod web-2 is not started yet"},
		"no pod of the new revision": {func(o *workload.Observation) { o.Instances = o.Instances[2:] }, proof.Waiting, "web-dev pods is missing"},
		"pods of another revision": {func(o *workload.Observation) {
			for i := range o.Instances {
				o.Instances[i].Current = false
			}
		}, proof.Waiting, "web-dev pods is missing, want of rs"},
		"no Deployment":         {func(o *workload.Observation) { o.Units = o.Units[:1] }, proof.Waiting, "worker-dev deployment is missing"},
		"not seen yet":          {func(o *workload.Observation) { o.Units[0].Deployment.Generation = 3 }, proof.Waiting, "web-dev rollout is the cluster has not seen"},
		"an old pod is left":    {func(o *workload.Observation) { o.Units[0].Deployment.Replicas.Old = 1 }, proof.Waiting, "web-dev rollout is 2 of 2 updated, 2 available, 1 old"},
		"not all are updated":   {func(o *workload.Observation) { o.Units[0].Deployment.Replicas.Updated = 1 }, proof.Waiting, "web-dev rollout is 1 of 2 updated"},
		"not all are available": {func(o *workload.Observation) { o.Units[1].Deployment.Replicas.Available = 1 }, proof.Waiting, "worker-dev rollout is 2 of 2 updated, 1 available"},
		"scaled to nothing":     {func(o *workload.Observation) { o.Units[1].Deployment.Replicas = workload.Replicas{} }, proof.Waiting, "worker-dev rollout is 0 of 0"},
		"in trouble": {func(o *workload.Observation) {
			o.Units[1].Deployment.Replicas.Available, o.Instances[3].Trouble = 1, "CrashLoopBackOff"
		}, proof.Waiting, "(CrashLoopBackOff)"},
		"not asked":              {func(o *workload.Observation) { o.Units[0].Health = nil }, proof.Waiting, "it does not answer for its health: not asked"},
		"health of the old":      {func(o *workload.Observation) { o.Units[0].Health.Commit = commitB.String() }, proof.Wrong, "web-dev health deploy.commit is " + commitB.String()},
		"a flag that was false":  {func(o *workload.Observation) { o.Units[0].Health.Flags = nil }, proof.Degraded, "web-dev health auth.loggedIn"},
		"a leftover beside them": {func(o *workload.Observation) { o.Instances = append(o.Instances, workload.Instance{Unit: "web-dev"}) }, proof.Proven, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, seen := rolled(t)
			c.change(&seen)
			v := proof.Judge(want, seen)
			if v.Status != c.status || !strings.Contains(v.Reason(), c.reason) {
				t.Errorf("%s, %q, want %s, %q", v.Status, v.Reason(), c.status, c.reason)
			}
			if v.OnlyFlags != (c.status == proof.Degraded) {
				t.Errorf("time may mend it: %t", v.OnlyFlags)
			}
		})
	}
}

func TestADeploymentsFlagsAreItsOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoiled int
		status  proof.Status
		reason  string
	}{
		"true before":  {0, proof.Wrong, "web-dev health auth.loggedIn is false"},
		"false before": {1, proof.Degraded, "worker-dev health auth.loggedIn is false"},
	} {
		want, seen := rolled(t)
		placed := want.Spec.Kubernetes.Deployments
		placed[1].Service, placed[1].Probe = "worker-dev", placed[0].Probe
		seen.Units[1].Health = right().Health
		seen.Units[1].Health.Flags = map[string]bool{"auth.loggedIn": false}
		want.FlagsBefore = seen.Flags()
		seen.Units[1].Health = right().Health
		seen.Units[c.spoiled].Health.Flags = map[string]bool{"auth.loggedIn": false}
		if v := proof.Judge(want, seen); v.Status != c.status || v.Reason() != c.reason+", want true" {
			t.Errorf("%s: %s, %q", name, v.Status, v.Reason())
		}
	}
}

func TestAVerdictSaysWhatHasNoService(t *testing.T) {
	t.Parallel()
	v := proof.Judge(rolled(t))
	said := ""
	for _, f := range v.Findings {
		if strings.HasPrefix(f.Check, "worker-dev health") {
			said += f.Check + ": " + f.Got
		}
	}
	if said != "worker-dev health answer: no Service: not asked" || len(v.Copies()) != 4 {
		t.Errorf("%q, %d copies", said, len(v.Copies()))
	}
}

func TestWhatMakesADeploymentUnfit(t *testing.T) {
	t.Parallel()
	want, fit := rolled(t)
	if c, found := proof.Blocking(proof.Fit(want.Spec, artifact.Image{}, fit)); found {
		t.Error(c)
	}
	first := func(change func(*workload.DeploymentDefinition)) func(*workload.Observation) {
		return func(o *workload.Observation) { change(o.Units[0].Deployment) }
	}
	for name, c := range map[string]struct {
		spoil func(*workload.Observation)
		warns bool
	}{
		"object secret unidesk-dev/web-auth is not there": {func(o *workload.Observation) { o.Missing = []string{"secret unidesk-dev/web-auth"} }, false},
		"deployment unidesk-dev/worker-dev is not there":  {func(o *workload.Observation) { o.Units = o.Units[:1] }, false},
		"container has no container web":                  {first(func(d *workload.DeploymentDefinition) { d.Image = "" }), false},
		"other containers init run the same image":        {first(func(d *workload.DeploymentDefinition) { d.SameImage = []string{"init"} }), false},
		"environment takes COMMIT from another":           {first(func(d *workload.DeploymentDefinition) { d.Computed = []string{"COMMIT"} }), false},
		"pull policy is Always":                           {first(func(d *workload.DeploymentDefinition) { d.PullPolicy = "Always" }), false},
		"services web is a NodePort": {first(func(d *workload.DeploymentDefinition) {
			d.Exposures = append(d.Exposures, workload.Exposure{Service: "web", Type: "NodePort"})
		}), false},
		"services lb is a LoadBalancer": {first(func(d *workload.DeploymentDefinition) {
			d.Exposures = append(d.Exposures, workload.Exposure{Service: "lb", Type: "LoadBalancer"})
		}), false},
		"service no Service web-dev selects its pods": {first(func(d *workload.DeploymentDefinition) { d.Exposures[0].Service = "other" }), false},
		"progress deadline is 30m0s":                  {first(func(d *workload.DeploymentDefinition) { d.ProgressDeadline = 30 * time.Minute }), false},
		"host ports its pods take [80]":               {first(func(d *workload.DeploymentDefinition) { d.HostPorts = []int{80} }), false},
		"host network its pods use":                   {first(func(d *workload.DeploymentDefinition) { d.HostNetwork = true }), false},
		"rollout is paused":                           {first(func(d *workload.DeploymentDefinition) { d.Paused = true }), false},
		"replicas are 0":                              {first(func(d *workload.DeploymentDefinition) { d.Replicas.Want = 0 }), false},
		"manager k3s addon web puts its own manifest": {first(func(d *workload.DeploymentDefinition) { d.Manager, d.PutsBack = "k3s addon web", true }), false},
		"manager Helm release web may put":            {first(func(d *workload.DeploymentDefinition) { d.Manager = "Helm release web" }), true},
		"strategy is Recreate":                        {first(func(d *workload.DeploymentDefinition) { d.Strategy = "Recreate" }), true},
		"autoscaler web sets its replicas":            {first(func(d *workload.DeploymentDefinition) { d.Autoscaler = "web" }), true},
	} {
		spec, seen := rolled(t)
		c.spoil(&seen)
		named := 0
		for _, check := range proof.Fit(spec.Spec, artifact.Image{}, seen) {
			if !strings.Contains(check.Name+" "+check.Detail, name) {
				continue
			}
			named++
			if check.OK != c.warns || check.Warning != c.warns || !c.warns && (check.Reason != fault.WorkloadUnfit || check.Fix == "") {
				t.Errorf("%s: %+v", name, check)
			}
		}
		if named != 1 {
			t.Errorf("%d checks have %q", named, name)
		}
	}
}

func TestALineThatMakesADeploymentFit(t *testing.T) {
	t.Parallel()
	want, seen := rolled(t)
	seen.Missing = []string{"secret unidesk-dev/web-auth", "configmap unidesk-dev/web"}
	seen.Units[0].Deployment.Paused, seen.Units[0].Deployment.Replicas.Want = true, 0
	var lines []string
	for _, c := range proof.FitKubernetes(want.Spec, seen) {
		if !c.OK {
			lines = append(lines, c.Fix)
		}
	}
	if diff := cmp.Diff([]string{
		"kubectl -n unidesk-dev create secret generic web-auth",
		"kubectl -n unidesk-dev create configmap web",
		"kubectl -n unidesk-dev rollout resume deployment/web-dev",
		"kubectl -n unidesk-dev scale --replicas=1 deployment/web-dev",
	}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestAKeyThatTheChangeWritesNeedsNoValue(t *testing.T) {
	t.Parallel()
	want, seen := rolled(t)
	want.Spec.Kubernetes.Sync = &workload.ConfigSync{Credentials: []string{"password"}}
	seen.Secrets = []workload.Secret{{Name: "password"}, {Name: "TOKEN"}}
	c, found := proof.Blocking(proof.Fit(want.Spec, artifact.Image{}, seen))
	if !found || c.Name != "env file TOKEN" {
		t.Errorf("%+v", c)
	}
}

func TestBackIsWhatRanBefore(t *testing.T) {
	t.Parallel()
	want, seen := rolled(t)
	before := workload.Before{Basis: "b", Running: true, ImageID: config.String()}
	if !proof.Back(want.Spec, before, seen) {
		t.Error("what runs is what ran before, and is not known as that")
	}
	for name, spoil := range map[string]func(*workload.Observation){
		"another image":       func(o *workload.Observation) { o.Instances[0].ImageID = "x" },
		"it does not run":     func(o *workload.Observation) { o.Instances[0].Running = false },
		"a rollout under way": func(o *workload.Observation) { o.Units[1].Deployment.Replicas.Updated = 1 },
		"no pod":              func(o *workload.Observation) { o.Instances = nil },
		"only pods of another": func(o *workload.Observation) {
			o.Instances = []workload.Instance{{ImageID: config.String(), Running: true}}
		},
	} {
		_, seen := rolled(t)
		spoil(&seen)
		if proof.Back(want.Spec, before, seen) {
			t.Errorf("%s: it is as before", name)
		}
	}
	_, seen = rolled(t)
	seen.Units[1].Deployment.Replicas.Available = 0
	if !proof.Back(want.Spec, before, seen) {
		t.Error("what served badly before need not serve well")
	}
	_, seen = rolled(t)
	seen.Instances[0].ImageID, seen.Units[0].Deployment.Replicas.Updated = "another writer's", 0
	seen.Last = &workload.Settled{Left: []workload.Left{{Unit: seen.Units[0].Name, Why: "it was edited"}}}
	if !proof.Back(want.Spec, before, seen) {
		t.Error("what another writer made keeps the rest from being back")
	}
	if copies := proof.Restored(seen); len(copies) == 0 || slices.ContainsFunc(seen.Of(seen.Units[0].Name), func(in workload.Instance) bool {
		return slices.ContainsFunc(copies, in.Copy().Equal)
	}) {
		t.Errorf("put back are %+v", copies)
	}
	seen.Units[1].Deployment.Replicas.Updated = 1
	if proof.Back(want.Spec, before, seen) {
		t.Error("a rollout that goes on is back")
	}
	_, seen = rolled(t)
	if before.Running = false; !proof.Back(want.Spec, before, seen) {
		t.Error("what was down before need not be up")
	}
	if proof.Back(want.Spec, workload.Before{}, seen) {
		t.Error("nothing ran before, and something runs")
	}
}

// A rollout whose old pods serve is no outage.
func TestWhatServes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*workload.Observation)
		serves bool
	}{
		"all holds": {func(*workload.Observation) {}, true},
		"an old pod serves": {func(o *workload.Observation) {
			r := &o.Units[0].Deployment.Replicas
			r.Old, r.Updated, r.Available = 1, 1, 1
		}, true},
		"no pod of one is available": {func(o *workload.Observation) {
			r := &o.Units[1].Deployment.Replicas
			r.Old, r.Updated, r.Available = 1, 1, 0
		}, false},
		"all are new, and one is ill": {func(o *workload.Observation) { o.Units[0].Health = &workload.Health{Status: 503} }, false},
	} {
		want, seen := rolled(t)
		c.change(&seen)
		if got := proof.Serves(proof.Judge(want, seen), seen); got != c.serves {
			t.Errorf("%s: %v", name, got)
		}
	}
	want := wanted()
	for status, serves := range map[int]bool{200: true, 503: false} {
		seen := workload.Observation{Instances: []workload.Instance{*right()}}
		seen.Instances[0].Health.Status = status
		if got := proof.Serves(proof.Judge(want, seen), seen); got != serves {
			t.Errorf("Compose, %d: %v", status, got)
		}
	}
}
