package proof

import (
	"cmp"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// unasked stands for the health of a Deployment that has no Service.
const unasked = "no Service: not asked"

// judgeDeployments judges each Deployment. The workload is as good as the worst of
// them.
func judgeDeployments(want Wanted, seen workload.Observation) Verdict {
	v := Verdict{Status: Proven, OnlyFlags: true}
	for _, d := range want.Spec.Kubernetes.Deployments {
		j := judge{want: want, unit: d.Name}
		if len(want.Spec.Kubernetes.Deployments) > 1 {
			j.of = d.Name + " "
		}
		pods := seen.Of(d.Name)
		status := j.deployment(d, seen.Unit(d.Name), pods)
		v.Status, v.OnlyFlags = worse(v.Status, status), v.OnlyFlags && (status == Proven || j.onlyFlags)
		v.Findings = append(v.Findings, j.findings...)
		v.Instances = append(v.Instances, pods...)
	}
	v.OnlyFlags = v.OnlyFlags && v.Status != Proven
	return v
}

// deployment judges a Deployment by the pods of its present revision.
func (j *judge) deployment(d workload.DeploymentSpec, unit workload.Unit, pods []workload.Instance) Status {
	rollout := unit.Deployment
	if rollout == nil {
		j.add(equal("deployment", State, d.Name, ""))
		return Waiting
	}
	if len(pods) == 0 {
		j.add(equal("pods", State, "of "+cmp.Or(rollout.Revision, "the new revision"), cmp.Or(rollout.Trouble, "")))
		return Waiting
	}
	if i := slices.IndexFunc(pods, func(in workload.Instance) bool { return in.ImageID == "" }); i >= 0 {
		j.add(equal("pod "+pods[i].Name, State, "started", cmp.Or(pods[i].Trouble, "not started yet")))
		return Waiting
	}
	right := j.identity(pods)
	for _, s := range stamps(j.want) {
		right = j.add(equal("annotation "+workload.Annotation(s.key), Stamped, s.want, rollout.Annotated[s.key])) && right
	}
	if !right {
		return Wrong
	}
	if !j.add(j.rollout(*rollout, pods)) {
		return Waiting
	}
	if d.Service == "" {
		j.add(equal(healthAnswer, State, unasked, unasked))
		return Proven
	}
	return j.health(unit.Health, pods[0].Stamped, d.Probe.Flags)
}

// rollout is the finding that the rollout has ended: every wanted pod is of the
// present revision and available, none is old.
func (j *judge) rollout(d workload.DeploymentDefinition, pods []workload.Instance) Finding {
	f := Finding{Check: "rollout", Kind: State, Want: "complete", Got: "complete", OK: d.Complete() && d.Replicas.Want > 0}
	if f.OK {
		return f
	}
	f.Got = d.Progress()
	trouble := d.Trouble
	if i := slices.IndexFunc(pods, func(in workload.Instance) bool { return in.Trouble != "" }); i >= 0 {
		trouble = pods[i].Trouble
	}
	if trouble != "" {
		f.Got += " (" + trouble + ")"
	}
	return f
}

// worse returns the status that counts of two.
func worse(a, b Status) Status {
	order := []Status{Proven, Degraded, Waiting, Wrong}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// Back reports whether what runs is what ran before a change. A container that was
// down before need only be there again; if none existed before, none may be left. A
// Deployment is back when no pod of another revision is left: a version that served badly
// before may serve badly again. A unit that the revert left as another writer made it may be anything.
func Back(spec workload.Spec, before workload.Before, seen workload.Observation) bool {
	in := seen.Current()
	switch {
	case before.Basis == "":
		return in == nil
	case spec.Kubernetes != nil && seen.Last.Leaves(spec.Kubernetes.Deployments[0].Name): // before is of the first
	case !before.Running:
		return spec.Kubernetes != nil || in != nil && in.ImageID == before.ImageID
	case in == nil || !in.Running || in.ImageID != before.ImageID:
		return false
	}
	return !slices.ContainsFunc(seen.Units, func(u workload.Unit) bool {
		return u.Deployment != nil && !u.Deployment.Replaced() && !seen.Last.Leaves(u.Name)
	})
}

// Serves reports whether a workload answers as proven, by the verdict on what was observed,
// or whether a rollout goes on, during which each Deployment has an available pod, of
// whichever revision.
func Serves(v Verdict, seen workload.Observation) bool {
	rolling := false
	for _, u := range seen.Units {
		if u.Deployment != nil {
			if u.Deployment.Replicas.Available == 0 {
				return false
			}
			rolling = rolling || !u.Deployment.Replaced()
		}
	}
	return rolling || v.Status == Proven || v.Status == Degraded
}

// Restored returns the copies that run of what a revert put back.
func Restored(seen workload.Observation) (copies []workload.Copy) {
	for _, in := range seen.Present() {
		if in.Running && !seen.Last.Leaves(in.Unit) {
			copies = append(copies, in.Copy())
		}
	}
	return copies
}
