package rpc

import (
	"math"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// This file is what an agent tells of a workload.

const (
	// maxWords is the most of a text that is told.
	maxWords = 64 << 10
	// maxContainers is the most that an engine is believed to have.
	maxContainers = 10_000
)

func observationToProto(o workload.Observation) *artifactv1.Observation {
	d := o.Definition
	m := &artifactv1.Observation{
		Time: momentToProto(o.At), FreeBytes: uint64(max(0, o.FreeBytes)), Platform: platformToProto(o.Platform),
		Definition: &artifactv1.Definition{
			Image: plain.Line(d.Image), ContainerName: plain.Line(d.ContainerName), PullPolicy: plain.Line(d.PullPolicy),
			Replicas: uint32(min(max(0, d.Replicas), math.MaxInt32)), References: visibleAll(d.References), LabelReferences: visibleAll(d.LabelReferences),
		},
		Deployed: variablesToProto(o.Deployed), Pending: pendingToProto(o.Pending),
	}
	for _, in := range o.Instances {
		m.Instances = append(m.Instances, instanceToProto(in))
	}
	for _, s := range o.Secrets {
		m.Secrets = append(m.Secrets, &artifactv1.Secret{Name: s.Name, Present: s.Present, Length: uint32(s.Length)})
	}
	if l := o.Last; l != nil {
		m.Last = &artifactv1.SettledChange{
			ChangeId: l.ChangeID, Commit: l.Commit.String(), Outcome: outcomeToProto(l.Outcome), Time: momentToProto(l.At),
		}
	}
	return m
}

func (f *fields) observation(m *artifactv1.Observation) workload.Observation {
	d := m.GetDefinition()
	o := workload.Observation{
		At: f.moment("observation.time", m.GetTime()), FreeBytes: int64(min(m.GetFreeBytes(), math.MaxInt64)),
		Definition: workload.Definition{
			Image: f.told("definition.image", d.GetImage()), ContainerName: f.told("definition.container_name", d.GetContainerName()),
			PullPolicy: f.told("definition.pull_policy", d.GetPullPolicy()), Replicas: int(d.GetReplicas()),
		},
		Deployed: f.variables("observation.deployed", m.GetDeployed(), deployKey, isTold),
		Pending:  f.pending(m.GetPending()), Platform: platformOf(m.GetPlatform()),
	}
	f.few("definition.references", len(d.GetReferences()), 4096)
	for _, r := range d.GetReferences() {
		o.Definition.References = append(o.Definition.References, f.told("definition.references", r))
	}
	f.few("definition.label_references", len(d.GetLabelReferences()), 4096)
	for _, r := range d.GetLabelReferences() {
		o.Definition.LabelReferences = append(o.Definition.LabelReferences, f.told("definition.label_references", r))
	}
	f.told("platform", o.Platform.String())
	f.few("observation.instances", len(m.GetInstances()), maxList)
	for _, in := range m.GetInstances() {
		o.Instances = append(o.Instances, f.instance(in))
	}
	f.few("observation.secrets", len(m.GetSecrets()), maxList)
	for _, s := range m.GetSecrets() {
		name := f.match("secret.name", keyForm, s.GetName())
		o.Secrets = append(o.Secrets, workload.Secret{Name: name, Present: s.GetPresent(), Length: int(s.GetLength())})
	}
	if l := m.GetLast(); l != nil {
		o.Last = &workload.Settled{
			ChangeID: f.match("last.change_id", changeForm, l.GetChangeId()), Commit: f.commit("last.commit", l.GetCommit()),
			Outcome: f.outcome("last.outcome", l.GetOutcome()), At: f.moment("last.time", l.GetTime()),
		}
	}
	return o
}

func instanceToProto(in workload.Instance) *artifactv1.Instance {
	m := &artifactv1.Instance{
		Id: in.ID, Name: plain.Line(in.Name), ImageId: plain.Line(in.ImageID), Image: plain.Line(in.Image),
		Created: momentToProto(in.Created), Started: momentToProto(in.Started), Running: in.Running,
		ExitCode: int32(in.ExitCode), Restarts: uint32(in.Restarts), ConfigDigest: in.Config.String(),
		Labels: variablesToProto(in.Labels), Env: variablesToProto(in.Env),
	}
	if h := in.Health; h != nil {
		m.Health = &artifactv1.Health{
			Status: uint32(h.Status), Error: plain.Line(h.Error), Ok: h.OK, Commit: plain.Line(h.Commit), RequestedCommit: plain.Line(h.RequestedCommit),
			Flags: flagsToProto(h.Flags),
		}
	}
	return m
}

func (f *fields) instance(m *artifactv1.Instance) workload.Instance {
	in := workload.Instance{
		ID: f.match("instance.id", idForm, m.GetId()), Name: f.told("instance.name", m.GetName()),
		ImageID: f.told("instance.image_id", m.GetImageId()), Image: f.told("instance.image", m.GetImage()),
		Created: f.moment("instance.created", m.GetCreated()), Started: f.moment("instance.started", m.GetStarted()),
		Running: m.GetRunning(), ExitCode: int(m.GetExitCode()), Restarts: int(m.GetRestarts()),
		Config: f.optionalDigest("instance.config_digest", m.GetConfigDigest()),
		Labels: f.variables("instance.labels", m.GetLabels(), isTold, isTold),
		Env:    f.variables("instance.env", m.GetEnv(), deployKey, isTold),
	}
	if h := m.GetHealth(); h != nil {
		in.Health = &workload.Health{
			Status: int(h.GetStatus()), Error: f.told("health.error", h.GetError()), OK: h.GetOk(),
			Commit: f.told("health.commit", h.GetCommit()), RequestedCommit: f.told("health.requested_commit", h.GetRequestedCommit()),
			Flags: f.flags("health.flags", h.GetFlags()),
		}
	}
	return in
}

func containerToProto(c workload.Container) *artifactv1.Container {
	return &artifactv1.Container{
		Id: c.ID, Name: plain.Line(c.Name), Project: plain.Line(c.Project), Service: plain.Line(c.Service),
		Running: c.Running, Started: momentToProto(c.Started), Restarts: uint32(c.Restarts), Fleeting: c.Fleeting,
	}
}

func (f *fields) container(m *artifactv1.Container) workload.Container {
	return workload.Container{
		ID: f.match("container.id", idForm, m.GetId()), Name: f.told("container.name", m.GetName()),
		Project: f.told("container.project", m.GetProject()), Service: f.told("container.service", m.GetService()),
		Running: m.GetRunning(), Started: f.moment("container.started", m.GetStarted()), Restarts: int(m.GetRestarts()), Fleeting: m.GetFleeting(),
	}
}

func pendingToProto(p *workload.Pending) *artifactv1.PendingChange {
	if p == nil {
		return nil
	}
	b := p.Before
	return &artifactv1.PendingChange{
		Change: changeToProto(p.Change), Since: momentToProto(p.Since), Failed: plain.Line(p.Failed),
		Before: &artifactv1.Before{
			Container: b.Container, ImageId: plain.Line(b.ImageID), Commit: plain.Line(b.Commit), ConfigDigest: b.Config.String(), Running: b.Running,
		},
	}
}

func (f *fields) pending(m *artifactv1.PendingChange) *workload.Pending {
	if m == nil {
		return nil
	}
	b := m.GetBefore()
	return &workload.Pending{
		Change: f.change(m.GetChange()), Since: f.moment("pending.since", m.GetSince()), Failed: f.told("pending.failed", m.GetFailed()),
		Before: workload.Before{
			Container: f.optional("before.container", idForm, b.GetContainer()), Running: b.GetRunning(),
			ImageID: f.told("before.image_id", b.GetImageId()), Commit: f.told("before.commit", b.GetCommit()),
			Config: f.optionalDigest("before.config_digest", b.GetConfigDigest()),
		},
	}
}

// told is text that a host found somewhere.
func (f *fields) told(field, s string) string { return f.words(field, s, maxWords) }

func isTold(s string) bool {
	var f fields
	f.told("", s)
	return f.err == nil
}

func visibleAll(in []string) (out []string) {
	for _, s := range in {
		out = append(out, plain.Line(s))
	}
	return out
}
