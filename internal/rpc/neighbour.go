package rpc

import (
	"time"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func neighbourToProto(n workload.Neighbour) *artifactv1.Neighbour {
	m := &artifactv1.Neighbour{
		Id: n.ID, Name: plain.Line(n.Name), Scope: plain.Line(n.Scope), Group: plain.Line(n.Group),
		Running: n.Running, Started: momentToProto(n.Started), Restarts: uint32(n.Restarts), AutoRemove: n.AutoRemove,
		Restarting: n.Restarting, KeptRunning: n.KeptRunning, Volumes: visibleAll(n.Volumes),
	}
	if n.Exited != nil {
		code := int32(*n.Exited)
		m.ExitCode = &code
	}
	for _, s := range n.Shares {
		m.Shares = append(m.Shares, &artifactv1.Share{What: plain.Line(s.What), With: plain.Line(s.With)})
	}
	return m
}

func (f *fields) neighbour(m *artifactv1.Neighbour) workload.Neighbour {
	n := workload.Neighbour{
		ID: f.match("neighbour.id", idForm, m.GetId()), Name: f.told("neighbour.name", m.GetName()),
		Scope: f.told("neighbour.scope", m.GetScope()), Group: f.told("neighbour.group", m.GetGroup()),
		Running: m.GetRunning(), Started: f.moment("neighbour.started", m.GetStarted()), Restarts: int(m.GetRestarts()), AutoRemove: m.GetAutoRemove(),
		Restarting: m.GetRestarting(), KeptRunning: m.GetKeptRunning(), Volumes: f.toldAll("neighbour.volumes", m.GetVolumes()),
	}
	if m.ExitCode != nil {
		code := int(m.GetExitCode())
		n.Exited = &code
	}
	f.few("neighbour.shares", len(m.GetShares()), maxList)
	for _, s := range m.GetShares() {
		n.Shares = append(n.Shares, workload.Share{What: f.told("share.what", s.GetWhat()), With: f.told("share.with", s.GetWith())})
	}
	return n
}

func foundImageToProto(i artifact.Image) *artifactv1.FoundImage {
	return &artifactv1.FoundImage{
		Platform: platformToProto(i.Platform), Labels: variablesToProto(i.Labels),
		Volumes: visibleAll(i.Volumes), Command: visibleAll(i.Command), Folder: plain.Line(i.Folder),
	}
}

func (f *fields) foundImage(m *artifactv1.FoundImage) artifact.Image {
	f.told("image.platform", platformOf(m.GetPlatform()).String())
	return artifact.Image{
		Platform: platformOf(m.GetPlatform()), Labels: f.variables("image.labels", m.GetLabels(), isTold, isTold),
		Volumes: f.toldAll("image.volumes", m.GetVolumes()), Command: f.toldAll("image.command", m.GetCommand()), Folder: f.told("image.folder", m.GetFolder()),
	}
}

func mountsToProto(mounts []workload.Mount) (out []*artifactv1.Mount) {
	for _, m := range mounts {
		out = append(out, &artifactv1.Mount{Kind: plain.Line(m.Kind), Source: plain.Line(m.Source), Target: plain.Line(m.Target)})
	}
	return out
}

func (f *fields) mounts(field string, in []*artifactv1.Mount) (out []workload.Mount) {
	f.few(field, len(in), maxList)
	for _, m := range in {
		out = append(out, workload.Mount{
			Kind: f.told(field+".kind", m.GetKind()), Source: f.told(field+".source", m.GetSource()), Target: f.told(field+".target", m.GetTarget()),
		})
	}
	return out
}

// toldAll parses texts that a host found somewhere.
func (f *fields) toldAll(field string, in []string) []string {
	return f.list(field, in, func(s string) string { return f.told(field, s) })
}

// seconds returns a duration as the wire has it, in whole seconds.
func seconds(d time.Duration) uint32 { return count(int(d / time.Second)) }

func driftToProto(d *workload.Drift) *artifactv1.Drift {
	if d == nil {
		return nil
	}
	m := &artifactv1.Drift{Changed: d.Changed, Volumes: visibleAll(d.Volumes), Unknown: clip(plain.Line(d.Unknown))}
	for _, n := range d.Networks {
		m.Networks = append(m.Networks, &artifactv1.Network{Name: plain.Line(n.Name), Users: visibleAll(n.Users)})
	}
	return m
}

func (f *fields) drift(m *artifactv1.Drift) *workload.Drift {
	if m == nil {
		return nil
	}
	d := &workload.Drift{Changed: m.GetChanged(), Volumes: f.toldAll("drift.volumes", m.GetVolumes()), Unknown: f.told("drift.unknown", m.GetUnknown())}
	f.few("drift.networks", len(m.GetNetworks()), maxList)
	for _, n := range m.GetNetworks() {
		d.Networks = append(d.Networks, workload.Network{Name: f.told("drift.network", n.GetName()), Users: f.toldAll("drift.users", n.GetUsers())})
	}
	return d
}
