package catalog

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// file is services.yaml.
type file struct {
	Version  int
	Registry string
	Defaults struct {
		Source  string
		Labels  map[string]string
		Stable  string
		Timeout string
		Shapes  map[Shape]shape
	}
	Services map[string]row
}

// shape is the defaults of the rows of a shape.
type shape struct {
	Host    string
	Stable  string
	Timeout string
	Probe   struct {
		Port int
		Path string
	}
	Platform   string
	Namespaces map[string]struct { // by environment
		Name   string
		Suffix string
	}
}

type row struct {
	Shape   Shape
	Source  string
	Labels  map[string]string
	Compose *Compose
	Secrets []string
	// Provenance is a policy's name.
	Provenance string
	Probe      struct {
		Port    int
		Path    string
		Flags   []string
		Witness Witness
	}
	Stable          string
	Timeout         string
	Hints           []string
	ExcludedTargets []string               `yaml:"excludedTargets"`
	Environments    map[string]environment // by name
}

type environment struct {
	Mode       Mode
	Why        string
	Shape      Shape
	Gates      []Gate
	Kubernetes struct {
		Namespace   string
		Deployments []deployment
		Container   string
		Service     string
		Port        int
		AuthSync    *AuthSync `yaml:"authSync"`
	}
}

var hostPortForm = regexp.MustCompile(`^[a-z0-9.-]+:[0-9]{1,5}$`)

// Parse reads a catalog. The error lists everything that is wrong with it.
func Parse(content []byte) (*Catalog, error) {
	var f file
	all := &faults{root: &yaml.Node{}}
	if !all.decoded(yaml.Load(content, all.root)) {
		return nil, all.err()
	}
	if !all.decoded(all.root.Load(&f, yaml.WithKnownFields())) {
		return nil, all.err()
	}
	c := &Catalog{Hash: artifact.DigestOf(content), Registry: f.Registry, rows: map[artifact.ServiceID]Row{}}
	all.at("version").check(f.Version == 1, "is %d, want 1", f.Version)
	all.at("registry").check(hostPortForm.MatchString(f.Registry), "%q is not host:port", f.Registry)
	for _, s := range slices.Sorted(maps.Keys(f.Defaults.Shapes)) {
		all.at("defaults", "shapes", string(s)).check(slices.Contains(Shapes(), s), "is not a shape; those are %s", shapeNames())
	}
	holders := map[string]place{}
	for _, name := range slices.Sorted(maps.Keys(f.Services)) {
		r := f.row(name, all.at("services", name))
		c.rows[r.Service] = r
		for _, env := range artifact.Envs() {
			all.at("services", name, "environments", env.String()).hold(holders, r.Environment(env))
		}
	}
	all.at("services").check(len(f.Services) > 0, "none")
	if err := all.err(); err != nil {
		return nil, err
	}
	return c, nil
}

func shapeNames() string {
	var names []string
	for _, s := range Shapes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// row reads a service; what is wrong goes to its place.
func (f *file) row(name string, at place) Row {
	in := f.Services[name]
	id, err := artifact.ParseServiceID(name)
	at.check(err == nil, "the name is not a service id")
	repository, err := artifact.ParseRepository("unidesk/" + name)
	at.check(err == nil, "the name is not a repository's")
	source := cmp.Or(in.Source, f.Defaults.Source)
	at.in("source").check(source != "", "is missing, and there is no default")
	for _, key := range in.Secrets {
		at.in("secrets").check(workload.VariableKey.Match(key), "%q is not a variable's name", key)
	}
	for _, flag := range in.Probe.Flags {
		at.in("probe", "flags").check(workload.FlagPath.Match(flag), "%q is not a dotted path", flag)
	}
	witness := cmp.Or(in.Probe.Witness, Payload)
	at.in("probe", "witness").check(witness == Payload || witness == Composed, "%q is not payload or composed", witness)
	policy, err := provenance.ParsePolicy(in.Provenance)
	at.in("provenance").check(err == nil, "%q is not optional or required", in.Provenance)
	at.in("environments").check(len(in.Environments) > 0, "none")
	out := Row{
		Service: id, Repository: repository, Source: source, Required: f.labels(in, at), Secrets: in.Secrets, Witness: witness, Provenance: policy,
		Hints: in.Hints, Excluded: in.ExcludedTargets, Environments: map[artifact.Env]Environment{},
	}
	for _, in := range slices.Sorted(maps.Keys(in.Environments)) {
		env, err := artifact.ParseEnv(in)
		at.in("environments", in).check(err == nil, "is not prod or dev")
		out.Environments[env] = f.environment(name, in, at)
	}
	return out
}

// environment reads what a service has in an environment.
func (f *file) environment(name, env string, row place) Environment {
	in := f.Services[name]
	e := in.Environments[env]
	at := row.in("environments", env)
	at.in("mode").check(slices.Contains([]Mode{Live, Validate, Unsupported}, e.Mode), "%q is not live, validate or unsupported", e.Mode)
	at.in("why").check(e.Mode == Live || e.Why != "", "why is missing: a mode that is not live needs its reason")
	out := Environment{Mode: e.Mode, Why: e.Why, Gates: e.Gates}
	checkGates(env, e, at.in("gates"))
	if e.Mode == Unsupported {
		return out
	}
	kind := cmp.Or(e.Shape, in.Shape, MasterCompose)
	known := slices.Contains(Shapes(), kind)
	at.in("shape").check(known, "%q is not one of %s", kind, shapeNames())
	if !known {
		return out
	}
	s := f.Defaults.Shapes[kind]
	out.Target = Target{Shape: kind, Host: cmp.Or(s.Host, defaultHost(kind))}
	shape := row.at("defaults", "shapes", string(kind))
	shape.in("host").check(workload.HostName.Match(out.Target.Host), "%q is not a host's name", out.Target.Host)
	shape.in("host").check((out.Target.Host == Master) == (kind == MasterCompose), "%q: %s is the host of %s, and of it alone", out.Target.Host, Master, MasterCompose)
	out.Target.Platform = platform(cmp.Or(s.Platform, "linux/amd64"), shape.in("platform"))
	if kind == Infrastructure {
		at.in("mode").check(e.Mode == Validate, "%s goes with mode validate: nothing here brings it live", kind)
		return out
	}
	out.Probe = workload.Probe{Port: cmp.Or(in.Probe.Port, s.Probe.Port), Path: cmp.Or(in.Probe.Path, s.Probe.Path), Flags: in.Probe.Flags}
	row.in("probe", "port").check(out.Probe.Port > 0 && out.Probe.Port < 65536, "%d is not a port", out.Probe.Port)
	row.in("probe", "path").check(workload.HealthPath.Match(out.Probe.Path), "%q is not a plain URL path", out.Probe.Path)
	out.Stable = duration(cmp.Or(in.Stable, s.Stable, f.Defaults.Stable, "5s"), row.in("stable"))
	out.Timeout = duration(cmp.Or(in.Timeout, s.Timeout, f.Defaults.Timeout, "60s"), row.in("timeout"))
	if kind == K3s {
		out.Target.Kubernetes = f.kubernetes(name, env, out.Probe, at.in("kubernetes"))
	} else {
		out.Target.Compose = compose(in.Compose, kind, row.in("compose"))
	}
	return out
}

func defaultHost(kind Shape) string {
	if kind == MasterCompose {
		return Master
	}
	return "D601"
}

// checkGates refuses gates that could never open, or never close.
func checkGates(env string, e environment, at place) {
	for _, g := range e.Gates {
		switch g {
		case ContractMismatch:
			at.check(e.Mode == Validate, "%s goes with mode validate", g)
		case SupervisorRequired:
			at.check(e.Mode != Unsupported, "%s goes with mode live or validate", g)
		case UseDeployApply:
			at.check(e.Mode == Live, "%s goes with mode live", g)
		case Promote:
			at.check(e.Mode == Live && env == artifact.Prod.String(), "%s goes with mode live in prod", g)
		default:
			at.check(false, "%q is not one of %s, %s, %s, %s", g, ContractMismatch, SupervisorRequired, UseDeployApply, Promote)
		}
	}
}

// hold refuses a live environment that takes what another has: a deploy of the first
// would replace the second, whatever gates that has.
func (p place) hold(holders map[string]place, e Environment) {
	if e.Mode != Live {
		return
	}
	for _, thing := range e.Target.holds() {
		if other, taken := holders[thing]; taken {
			p.check(false, "%s is also what %s brings live", thing, strings.Join(other.path, "."))
			return
		}
		holders[thing] = p
	}
}

// compose reads the Compose part of a row that runs there.
func compose(c *Compose, kind Shape, at place) *Compose {
	at.check(c != nil, "is missing; the shape %s needs it", kind)
	if c == nil {
		return &Compose{}
	}
	at.in("project").check(workload.ProjectName.Match(c.Project) || c.Project == "" && kind == MasterCompose,
		"%q is not a Compose project's name (only the master has a default)", c.Project)
	at.in("service").check(workload.ServiceName.Match(c.Service), "%q is not a name", c.Service)
	at.in("container").check(workload.ContainerName.Match(c.Container), "%q is not a name", c.Container)
	_, err := artifact.ParseRepository(c.Image)
	at.in("image").check(err == nil, "%q is not an image name without a tag", c.Image)
	out := *c
	return &out
}

func platform(s string, at place) artifact.Platform {
	p, err := artifact.ParsePlatform(s)
	at.check(err == nil, "%q is not os/architecture", s)
	return p
}

func duration(s string, at place) time.Duration {
	d, err := time.ParseDuration(s)
	at.check(err == nil && d > 0 && d <= time.Hour, "%q is not a duration of at most 1h", s)
	return d
}
