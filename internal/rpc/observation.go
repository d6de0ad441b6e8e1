package rpc

import (
	"math"
	"strings"
	"time"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// This file converts what an agent reports about a workload.

const (
	// maxWords is the most bytes of a text that are sent.
	maxWords = 64 << 10
	// maxNeighbours is the most containers that an engine is believed to have.
	maxNeighbours = 10_000
)

func observationToProto(o workload.Observation) *artifactv1.Observation {
	m := &artifactv1.Observation{
		Time: momentToProto(o.At), Placement: placementToProto(o.Placement), Basis: string(o.Basis), ImageRoom: uint64(max(0, o.ImageRoom)),
		Platform: platformToProto(o.Platform), Stamped: variablesToProto(o.Stamped), Pending: pendingToProto(o.Pending),
		Missing: visibleAll(o.Missing),
	}
	for _, u := range o.Units {
		unit := &artifactv1.Unit{Name: plain.Line(u.Name)}
		if d := u.Compose; d != nil {
			unit.Definition = &artifactv1.Unit_Compose{Compose: &artifactv1.ComposeDefinition{
				Image: plain.Line(d.Image), ContainerName: plain.Line(d.ContainerName), PullPolicy: plain.Line(d.PullPolicy),
				Replicas: count(d.Replicas), References: visibleAll(d.References), LabelReferences: visibleAll(d.LabelReferences),
				Mounts: mountsToProto(d.Mounts), NetworkMode: plain.Line(d.NetworkMode), StopGraceSeconds: seconds(d.StopGrace),
				UnreadFiles: visibleAll(d.UnreadFiles), Programs: visibleAll(d.Programs), Hash: d.Hash.String(),
			}}
		} else if d := u.Deployment; d != nil {
			unit.Definition = &artifactv1.Unit_Deployment{Deployment: deploymentToProto(*d)}
		}
		unit.Health = healthToProto(u.Health)
		m.Units = append(m.Units, unit)
	}
	for _, in := range o.Instances {
		m.Instances = append(m.Instances, instanceToProto(in))
	}
	for _, s := range o.Secrets {
		m.Secrets = append(m.Secrets, &artifactv1.Secret{Name: s.Name, Present: s.Present, Length: uint32(s.Length)})
	}
	if o.NameTakenBy != nil {
		m.NameTakenBy = neighbourToProto(*o.NameTakenBy)
	}
	if h := o.Holds; h != nil {
		m.Holds = &artifactv1.Holder{Name: plain.Line(h.Name), ChangeId: plain.Line(h.Change)}
	}
	if e := o.EnvFile; e != nil {
		m.EnvFile = &artifactv1.Obstacle{What: clip(plain.Line(e.What)), Fix: clip(plain.Line(e.Fix))}
	}
	m.Drift = driftToProto(o.Drift)
	if err := o.Unread; err != nil {
		reason, ok := known(fault.ReasonOf(err))
		if !ok {
			reason = artifactv1.Reason_REASON_INTERNAL
		}
		m.Unread = &artifactv1.Unread{
			Reason: reason, Message: clip(plain.Line(err.Error())), Hint: clip(plain.Text(fault.HintOf(err))), Retryable: fault.Retryable(err),
		}
	}
	if l := o.Last; l != nil {
		m.Last = &artifactv1.SettledChange{
			ChangeId: l.ChangeID, Commit: l.Commit.String(), Outcome: outcomeToProto(l.Outcome), Time: momentToProto(l.At),
		}
		for _, left := range l.Left {
			m.Last.Left = append(m.Last.Left, &artifactv1.Left{Unit: plain.Line(left.Unit), Why: clip(plain.Line(left.Why))})
		}
	}
	return m
}

func (f *fields) observation(m *artifactv1.Observation) workload.Observation {
	o := workload.Observation{
		At: f.moment("observation.time", m.GetTime()), Placement: f.placement(m.GetPlacement()), Basis: f.basis("observation.basis", m.GetBasis()),
		ImageRoom: int64(min(m.GetImageRoom(), math.MaxInt64)),
		Stamped:   f.variables("observation.stamped", m.GetStamped(), deployKey, isTold),
		Pending:   f.pending(m.GetPending()), Platform: platformOf(m.GetPlatform()),
		Missing: f.list("observation.missing", m.GetMissing(), func(s string) string { return f.told("observation.missing", s) }),
	}
	f.few("observation.units", len(m.GetUnits()), maxList)
	for _, u := range m.GetUnits() {
		o.Units = append(o.Units, f.unit(u))
	}
	f.told("platform", o.Platform.String())
	f.few("observation.instances", len(m.GetInstances()), maxList)
	for _, in := range m.GetInstances() {
		o.Instances = append(o.Instances, f.instance(in))
	}
	f.few("observation.secrets", len(m.GetSecrets()), maxList)
	for _, s := range m.GetSecrets() {
		name := f.form("secret.name", workload.DataKey, s.GetName()) // a variable has this form, too
		o.Secrets = append(o.Secrets, workload.Secret{Name: name, Present: s.GetPresent(), Length: int(s.GetLength())})
	}
	if n := m.GetNameTakenBy(); n != nil {
		by := f.neighbour(n)
		o.NameTakenBy = &by
	}
	if h := m.GetHolds(); h != nil {
		o.Holds = &workload.Holder{Name: f.told("holds.name", h.GetName()), Change: f.match("holds.change_id", changeForm, h.GetChangeId())}
	}
	if e := m.GetEnvFile(); e != nil {
		o.EnvFile = &workload.Obstacle{What: f.told("env_file.what", e.GetWhat()), Fix: f.told("env_file.fix", e.GetFix())}
	}
	o.Drift = f.drift(m.GetDrift())
	if u := m.GetUnread(); u != nil {
		reason := fault.Reason(strings.TrimPrefix(u.GetReason().String(), reasonPrefix))
		if _, ok := known(reason); !ok {
			reason = fault.Internal
		}
		why := fault.New(reason, "%s", f.told("unread.message", u.GetMessage())).WithHint("%s", quoted(u.GetHint()))
		why.Retry = u.GetRetryable()
		o.Unread = why
	}
	if l := m.GetLast(); l != nil {
		o.Last = &workload.Settled{
			ChangeID: f.match("last.change_id", changeForm, l.GetChangeId()), Commit: f.commit("last.commit", l.GetCommit()),
			Outcome: f.outcome("last.outcome", l.GetOutcome()), At: f.moment("last.time", l.GetTime()),
		}
		f.few("last.left", len(l.GetLeft()), maxList)
		for _, left := range l.GetLeft() {
			o.Last.Left = append(o.Last.Left, workload.Left{Unit: f.told("left.unit", left.GetUnit()), Why: f.told("left.why", left.GetWhy())})
		}
	}
	return o
}

func (f *fields) unit(m *artifactv1.Unit) workload.Unit {
	u := workload.Unit{Name: f.told("unit.name", m.GetName()), Health: f.health(m.GetHealth())}
	if d := m.GetDeployment(); d != nil {
		u.Deployment = f.deployment(d)
	}
	d := m.GetCompose()
	if d == nil {
		return u
	}
	u.Compose = &workload.ComposeDefinition{
		Image: f.told("unit.image", d.GetImage()), ContainerName: f.told("unit.container_name", d.GetContainerName()),
		PullPolicy: f.told("unit.pull_policy", d.GetPullPolicy()), Replicas: int(d.GetReplicas()),
		Mounts: f.mounts("unit.mounts", d.GetMounts()), NetworkMode: f.told("unit.network_mode", d.GetNetworkMode()),
		StopGrace:   time.Duration(d.GetStopGraceSeconds()) * time.Second,
		UnreadFiles: f.toldAll("unit.unread_files", d.GetUnreadFiles()), Programs: f.toldAll("unit.programs", d.GetPrograms()),
		Hash: f.optionalDigest("unit.hash", d.GetHash()),
	}
	f.few("unit.references", len(d.GetReferences()), 4096)
	for _, r := range d.GetReferences() {
		u.Compose.References = append(u.Compose.References, f.told("unit.references", r))
	}
	f.few("unit.label_references", len(d.GetLabelReferences()), 4096)
	for _, r := range d.GetLabelReferences() {
		u.Compose.LabelReferences = append(u.Compose.LabelReferences, f.told("unit.label_references", r))
	}
	return u
}

func instanceToProto(in workload.Instance) *artifactv1.Instance {
	m := &artifactv1.Instance{
		Id: in.ID, Name: plain.Line(in.Name), Unit: plain.Line(in.Unit), Current: in.Current, ImageId: plain.Line(in.ImageID), Image: plain.Line(in.Image),
		Created: momentToProto(in.Created), Started: momentToProto(in.Started), Running: in.Running,
		ExitCode: int32(in.ExitCode), Restarts: uint32(in.Restarts), ConfigDigest: in.Config.String(),
		Labels: variablesToProto(in.Labels), Stamped: variablesToProto(in.Stamped), Health: healthToProto(in.Health), Trouble: plain.Line(in.Trouble),
		Revision: in.Revision, Mounts: mountsToProto(in.Mounts), Programs: visibleAll(in.Programs), Healthcheck: plain.Line(in.Healthcheck),
		StopGraceSeconds: seconds(in.StopGrace),
	}
	if in.Labelled != nil {
		m.Labelled = &artifactv1.Labelled{Keys: variablesToProto(in.Labelled)}
	}
	return m
}

func healthToProto(h *workload.Health) *artifactv1.Health {
	if h == nil {
		return nil
	}
	return &artifactv1.Health{
		Status: uint32(h.Status), Error: plain.Line(h.Error), Ok: h.OK, Commit: plain.Line(h.Commit), RequestedCommit: plain.Line(h.RequestedCommit),
		Flags: flagsToProto(h.Flags),
	}
}

func (f *fields) health(h *artifactv1.Health) *workload.Health {
	if h == nil {
		return nil
	}
	return &workload.Health{
		Status: int(h.GetStatus()), Error: f.told("health.error", h.GetError()), OK: h.GetOk(),
		Commit: f.told("health.commit", h.GetCommit()), RequestedCommit: f.told("health.requested_commit", h.GetRequestedCommit()),
		Flags: f.flags("health.flags", h.GetFlags(), workload.FlagPath.Match),
	}
}

func (f *fields) instance(m *artifactv1.Instance) workload.Instance {
	in := workload.Instance{
		ID: f.match("instance.id", idForm, m.GetId()), Name: f.told("instance.name", m.GetName()),
		Unit: f.told("instance.unit", m.GetUnit()), Current: m.GetCurrent(),
		ImageID: f.told("instance.image_id", m.GetImageId()), Image: f.told("instance.image", m.GetImage()),
		Created: f.moment("instance.created", m.GetCreated()), Started: f.moment("instance.started", m.GetStarted()),
		Running: m.GetRunning(), ExitCode: int(m.GetExitCode()), Restarts: int(m.GetRestarts()),
		Config:  f.optionalDigest("instance.config_digest", m.GetConfigDigest()),
		Labels:  f.variables("instance.labels", m.GetLabels(), isTold, isTold),
		Stamped: f.variables("instance.stamped", m.GetStamped(), deployKey, isTold),
		Health:  f.health(m.GetHealth()), Trouble: f.told("instance.trouble", m.GetTrouble()),
		Revision: f.optional("instance.revision", idForm, m.GetRevision()),
		Mounts:   f.mounts("instance.mounts", m.GetMounts()), Programs: f.toldAll("instance.programs", m.GetPrograms()),
		Healthcheck: f.told("instance.healthcheck", m.GetHealthcheck()), StopGrace: time.Duration(m.GetStopGraceSeconds()) * time.Second,
	}
	if l := m.GetLabelled(); l != nil {
		if in.Labelled = f.variables("instance.labelled", l.GetKeys(), deployKey, isTold); in.Labelled == nil {
			in.Labelled = map[string]string{} // compared, and none is there
		}
	}
	return in
}

func pendingToProto(p *workload.Pending) *artifactv1.PendingChange {
	if p == nil {
		return nil
	}
	b := p.Before
	return &artifactv1.PendingChange{
		Change: changeToProto(p.Change), Since: momentToProto(p.Since), Failed: plain.Line(p.Failed), HeldUntil: momentToProto(p.HeldUntil),
		Before: &artifactv1.Before{
			Basis: string(b.Basis), ImageId: plain.Line(b.ImageID), Commit: plain.Line(b.Commit), ConfigDigest: b.Config.String(), Running: b.Running,
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
		HeldUntil: f.moment("pending.held_until", m.GetHeldUntil()),
		Before: workload.Before{
			Basis: f.basis("before.basis", b.GetBasis()), Running: b.GetRunning(),
			ImageID: f.told("before.image_id", b.GetImageId()), Commit: f.told("before.commit", b.GetCommit()),
			Config: f.optionalDigest("before.config_digest", b.GetConfigDigest()),
		},
	}
}

// told parses a text that a host found somewhere.
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
