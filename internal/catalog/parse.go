package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// file is services.yaml.
type file struct {
	Version  int
	Registry string
	Defaults struct {
		Source  string
		Stable  string
		Timeout string
	}
	Services map[string]row
}

type row struct {
	Source  string
	Compose struct {
		Service   string
		Container string
		Image     string
	}
	Secrets []string
	Probe   struct {
		Port    int
		Path    string
		Flags   []string
		Witness Witness
	}
	Stable       string
	Timeout      string
	Hints        []string
	Environments map[Env]struct {
		Mode Mode
		Why  string
	}
}

var (
	hostPortForm  = regexp.MustCompile(`^[a-z0-9.-]+:[0-9]{1,5}$`)
	containerForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	keyForm       = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	flagForm      = regexp.MustCompile(`^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$`)
	pathForm      = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)
)

// Parse reads a catalog. The error joins everything that is wrong with it.
func Parse(content []byte) (*Catalog, error) {
	var f file
	if err := yaml.Load(content, &f, yaml.WithKnownFields()); err != nil {
		return nil, fault.New(fault.ConfigInvalid, "catalog: %w", err)
	}
	c := &Catalog{Hash: artifact.DigestOf(content), Registry: f.Registry, rows: map[artifact.ServiceID]Row{}}
	var faults []error
	if f.Version != 1 {
		faults = append(faults, fmt.Errorf("version is %d, want 1", f.Version))
	}
	if !hostPortForm.MatchString(f.Registry) {
		faults = append(faults, fmt.Errorf("registry %q is not host:port", f.Registry))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Services)) {
		parsed, errs := parseRow(name, f)
		for _, err := range errs {
			faults = append(faults, fmt.Errorf("services.%s: %w", name, err))
		}
		if len(errs) == 0 {
			c.rows[parsed.Service] = parsed
		}
	}
	if len(f.Services) == 0 {
		faults = append(faults, errors.New("services: none"))
	}
	if len(faults) > 0 {
		return nil, fault.New(fault.ConfigInvalid, "catalog: %w", errors.Join(faults...))
	}
	return c, nil
}

func parseRow(name string, f file) (out Row, faults []error) {
	in := f.Services[name]
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	id, err := artifact.ParseServiceID(name)
	check(err == nil, "the name is not a service id")
	repository, err := artifact.ParseRepository("unidesk/" + name)
	check(err == nil, "the name is not a repository's")

	source := cmp.Or(in.Source, f.Defaults.Source)
	check(source != "", "source is missing, and there is no default")
	check(containerForm.MatchString(in.Compose.Service), "compose.service %q is not a name", in.Compose.Service)
	check(containerForm.MatchString(in.Compose.Container), "compose.container %q is not a name", in.Compose.Container)
	_, err = artifact.ParseRepository(in.Compose.Image)
	check(err == nil, "compose.image %q is not an image name without a tag", in.Compose.Image)
	for _, key := range in.Secrets {
		check(keyForm.MatchString(key), "secrets: %q is not a variable's name", key)
	}
	check(in.Probe.Port > 0 && in.Probe.Port < 65536, "probe.port %d is not a port", in.Probe.Port)
	check(pathForm.MatchString(in.Probe.Path), "probe.path %q is not a plain URL path", in.Probe.Path)
	for _, flag := range in.Probe.Flags {
		check(flagForm.MatchString(flag), "probe.flags: %q is not a dotted path", flag)
	}
	witness := cmp.Or(in.Probe.Witness, Payload)
	check(witness == Payload || witness == Composed, "probe.witness %q is not payload or composed", witness)
	stable := duration(cmp.Or(in.Stable, f.Defaults.Stable, "5s"), "stable", check)
	timeout := duration(cmp.Or(in.Timeout, f.Defaults.Timeout, "60s"), "timeout", check)
	check(len(in.Environments) > 0, "environments: none")
	environments := map[Env]Environment{}
	for _, env := range slices.Sorted(maps.Keys(in.Environments)) {
		e := in.Environments[env]
		check(env == Prod || env == Dev, "environments: %q is not prod or dev", env)
		check(slices.Contains([]Mode{Live, Validate, Unsupported}, e.Mode), "environments.%s.mode %q is not live, validate or unsupported", env, e.Mode)
		check(e.Mode == Live || e.Why != "", "environments.%s.why is missing: a mode that is not live needs its reason", env)
		environments[env] = Environment{Mode: e.Mode, Why: e.Why}
	}
	return Row{
		Service: id, Repository: repository, Source: source,
		Compose: Compose(in.Compose), Secrets: in.Secrets,
		Probe:   workload.Probe{Port: in.Probe.Port, Path: in.Probe.Path, Flags: in.Probe.Flags},
		Witness: witness, Stable: stable, Timeout: timeout, Hints: in.Hints, Environments: environments,
	}, faults
}

func duration(s, key string, check func(bool, string, ...any)) time.Duration {
	d, err := time.ParseDuration(s)
	check(err == nil && d > 0 && d <= time.Hour, "%s %q is not a duration of at most 1h", key, s)
	return d
}
