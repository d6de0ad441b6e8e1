package rpc

import (
	"math"
	"time"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// This file converts the parts of the contract that only Kubernetes uses.

// maxValue is the most bytes of a value of a ConfigSync.
const maxValue = 64 << 10

func probeToProto(p workload.Probe) *artifactv1.Probe {
	if p.Port == 0 {
		return nil
	}
	return &artifactv1.Probe{Port: uint32(p.Port), Path: p.Path, Flags: p.Flags}
}

func (f *fields) probe(field string, m *artifactv1.Probe) workload.Probe {
	p := workload.Probe{
		Port: f.port(field+".port", m.GetPort()), Path: f.form(field+".path", workload.HealthPath, m.GetPath()),
		Flags: f.forms(field+".flags", workload.FlagPath, m.GetFlags()),
	}
	return p
}

func (f *fields) port(field string, port uint32) int {
	if port < 1 || port > math.MaxUint16 {
		f.refuse(field, "not a port")
		return 0
	}
	return int(port)
}

// forms is form for a list.
func (f *fields) forms(field string, form workload.Form, in []string) []string {
	return f.list(field, in, func(s string) string { return f.form(field, form, s) })
}

func kubernetesToProto(k workload.KubernetesSpec) *artifactv1.KubernetesPlacement {
	m := &artifactv1.KubernetesPlacement{}
	for _, d := range k.Deployments {
		m.Deployments = append(m.Deployments, &artifactv1.DeploymentPlacement{
			Name: d.Name, Container: d.Container, Service: d.Service, Probe: probeToProto(d.Probe),
		})
	}
	if s := k.Sync; s != nil {
		m.Sync = &artifactv1.ConfigSync{Secret: s.Secret, ConfigMap: s.ConfigMap, Credentials: s.Credentials, Settings: s.Settings}
	}
	return m
}

func (f *fields) kubernetes(m *artifactv1.KubernetesPlacement) *workload.KubernetesSpec {
	const field = "placement.kubernetes"
	k := &workload.KubernetesSpec{}
	if f.few(field+".deployments", len(m.GetDeployments()), maxList); len(m.GetDeployments()) == 0 {
		f.refuse(field+".deployments", "none")
	}
	for _, d := range m.GetDeployments() {
		one := workload.DeploymentSpec{
			Name:      f.form(field+".name", workload.KubernetesName, d.GetName()),
			Container: f.form(field+".container", workload.KubernetesName, d.GetContainer()),
		}
		if d.GetService() != "" {
			one.Service = f.form(field+".service", workload.KubernetesName, d.GetService())
			one.Probe = f.probe(field+".probe", d.GetProbe())
		}
		k.Deployments = append(k.Deployments, one)
	}
	if s := m.GetSync(); s != nil {
		k.Sync = &workload.ConfigSync{
			Secret:      f.form(field+".sync.secret", workload.KubernetesName, s.GetSecret()),
			ConfigMap:   f.form(field+".sync.config_map", workload.KubernetesName, s.GetConfigMap()),
			Credentials: f.forms(field+".sync.credentials", workload.DataKey, s.GetCredentials()),
			Settings:    f.forms(field+".sync.settings", workload.DataKey, s.GetSettings()),
		}
	}
	return k
}

func deploymentToProto(d workload.DeploymentDefinition) *artifactv1.DeploymentDefinition {
	r := d.Replicas
	m := &artifactv1.DeploymentDefinition{
		Revision: plain.Line(d.Revision), Generation: d.Generation, Seen: d.Seen, Image: plain.Line(d.Image), PullPolicy: plain.Line(d.PullPolicy),
		Containers: visibleAll(d.Containers), SameImage: visibleAll(d.SameImage), Computed: visibleAll(d.Computed),
		Strategy: plain.Line(d.Strategy), Paused: d.Paused, ProgressDeadlineSeconds: count(int(d.ProgressDeadline / time.Second)),
		HostNetwork: d.HostNetwork, HostPorts: counts(d.HostPorts), Autoscaler: plain.Line(d.Autoscaler),
		Manager: plain.Line(d.Manager), PutsBack: d.PutsBack, Source: plain.Line(d.Source), Trouble: plain.Line(d.Trouble),
		Annotated: variablesToProto(d.Annotated), Mounts: mountsToProto(d.Mounts), Programs: visibleAll(d.Programs),
		Replicas: &artifactv1.Replicas{
			Want: count(r.Want), Updated: count(r.Updated), Ready: count(r.Ready), Available: count(r.Available), Old: count(r.Old),
		},
	}
	for _, e := range d.Exposures {
		m.Exposures = append(m.Exposures, &artifactv1.Exposure{Service: plain.Line(e.Service), Type: plain.Line(e.Type), NodePorts: counts(e.NodePorts)})
	}
	return m
}

func (f *fields) deployment(m *artifactv1.DeploymentDefinition) *workload.DeploymentDefinition {
	told := func(field string, in []string) []string {
		return f.list("deployment."+field, in, func(s string) string { return f.told("deployment."+field, s) })
	}
	r := m.GetReplicas()
	d := &workload.DeploymentDefinition{
		Revision: f.told("deployment.revision", m.GetRevision()), Generation: m.GetGeneration(), Seen: m.GetSeen(),
		Image: f.told("deployment.image", m.GetImage()), PullPolicy: f.told("deployment.pull_policy", m.GetPullPolicy()),
		Containers: told("containers", m.GetContainers()), SameImage: told("same_image", m.GetSameImage()), Computed: told("computed", m.GetComputed()),
		Strategy: f.told("deployment.strategy", m.GetStrategy()), Paused: m.GetPaused(),
		ProgressDeadline: time.Duration(m.GetProgressDeadlineSeconds()) * time.Second,
		HostNetwork:      m.GetHostNetwork(), HostPorts: f.numbers("deployment.host_ports", m.GetHostPorts()),
		Autoscaler: f.told("deployment.autoscaler", m.GetAutoscaler()), Manager: f.told("deployment.manager", m.GetManager()),
		PutsBack: m.GetPutsBack(), Source: f.told("deployment.source", m.GetSource()), Trouble: f.told("deployment.trouble", m.GetTrouble()),
		Annotated: f.variables("deployment.annotated", m.GetAnnotated(), deployKey, isTold),
		Mounts:    f.mounts("deployment.mounts", m.GetMounts()), Programs: f.toldAll("deployment.programs", m.GetPrograms()),
		Replicas: workload.Replicas{
			Want: int(r.GetWant()), Updated: int(r.GetUpdated()), Ready: int(r.GetReady()), Available: int(r.GetAvailable()), Old: int(r.GetOld()),
		},
	}
	f.few("deployment.exposures", len(m.GetExposures()), maxList)
	for _, e := range m.GetExposures() {
		d.Exposures = append(d.Exposures, workload.Exposure{
			Service: f.told("exposure.service", e.GetService()), Type: f.told("exposure.type", e.GetType()),
			NodePorts: f.numbers("exposure.node_ports", e.GetNodePorts()),
		})
	}
	return d
}

func (f *fields) numbers(field string, in []uint32) (out []int) {
	f.few(field, len(in), maxList)
	for _, n := range in {
		out = append(out, int(n))
	}
	return out
}

// count is a number that the wire can carry.
func count(n int) uint32 { return uint32(min(max(0, n), math.MaxInt32)) }

func counts(in []int) (out []uint32) {
	for _, n := range in {
		out = append(out, count(n))
	}
	return out
}

// valuesToProto are sorted, so that the same change is the same bytes.
func valuesToProto(v workload.Values) (out []*artifactv1.ConfigValue) {
	for _, key := range v.Keys() {
		value, _ := v.Get(key)
		out = append(out, &artifactv1.ConfigValue{Key: key, Value: value})
	}
	return out
}

func (f *fields) values(in []*artifactv1.ConfigValue) workload.Values {
	f.few("values", len(in), maxList)
	out := make(map[string]string, len(in))
	for _, v := range in {
		if f.err != nil {
			return workload.Values{}
		}
		key := f.form("values.key", workload.DataKey, v.GetKey())
		if _, twice := out[key]; twice || len(v.GetValue()) > maxValue {
			f.refuse("values", "a key twice, or a value that is too long")
		}
		out[key] = v.GetValue()
	}
	return workload.NewValues(out)
}
