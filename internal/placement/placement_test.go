package placement

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// load reads what agent.yaml has under a project.
func load(text string) (Services, error) {
	var project struct{ Services Services }
	err := yaml.Load([]byte(text), &project, yaml.WithKnownFields(), yaml.WithUniqueKeys())
	return project.Services, err
}

func diff(want, got any) string {
	return cmp.Diff(want, got, cmp.AllowUnexported(workload.Ref{}), cmpopts.EquateEmpty())
}

// spec is a placement with every key.
func spec(project, service string) workload.Spec {
	s := workloadtest.SampleSpec(project)
	s.Ref = workloadtest.Ref(project, service)
	s.Probe.Flags = []string{"auth.loggedIn", "queue.ready"}
	return s
}

func TestWhatIsWrittenIsReadAsTheSame(t *testing.T) {
	t.Parallel()
	bare := spec("p", "bare")
	bare.Secrets, bare.Probe.Flags = nil, nil
	want := []workload.Spec{bare}
	// Names that YAML takes for something else if nothing quotes them.
	for _, name := range []string{"0", "0x1f", "1_000", "1e3", "2001-01-01", "a", "no", "null", "true", "z"} {
		s := spec("p", name)
		s.Compose.ContainerName, s.Compose.Image = name, strings.ToLower(name)
		s.Probe.Flags = []string{name[:1], "null", "1.5"}
		s.Probe.Path = "/" + name
		want = append(want, s)
	}
	slices.SortFunc(want, func(a, b workload.Spec) int { return strings.Compare(a.Ref.Name(), b.Ref.Name()) })
	kubernetes := spec("p", "elsewhere")
	kubernetes.Compose, kubernetes.Kubernetes = nil, &workload.KubernetesSpec{}
	written := Of("p", slices.Concat(want, []workload.Spec{spec("q", "other"), kubernetes, {Ref: workloadtest.Ref("p", "named")}})...)
	for _, indent := range []int{0, 4} {
		text, err := written.YAML(indent)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, strings.Repeat(" ", indent)) || !strings.HasSuffix(line, "\n") {
				t.Errorf("line %q", line)
			}
		}
		read, err := load(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		got, err := read.Specs("p")
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := diff(want, got); d != "" {
			t.Errorf("%s\n%s", d, text)
		}
	}
}

func TestVersion1NamesServicesAndNoMore(t *testing.T) {
	t.Parallel()
	read, err := load("services: [web, api]")
	if err != nil {
		t.Fatal(err)
	}
	got, err := read.Specs("p")
	if err != nil {
		t.Fatal(err)
	}
	want := []workload.Spec{{Ref: workloadtest.Ref("p", "api")}, {Ref: workloadtest.Ref("p", "web")}}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
	for _, s := range got {
		if s.Placed() {
			t.Errorf("%s is placed", s.Ref)
		}
	}
}

func TestWhatIsNoPlacementIsNotRead(t *testing.T) {
	t.Parallel()
	const whole = "{container: c, image: i, keyPrefix: A_DEPLOY_, probe: {port: 1, path: /}}"
	for name, c := range map[string]struct{ text, want string }{
		"a name twice in the list": {"services: [web, web]", "twice"},
		"a service twice":          {"services: {web: " + whole + ", web: " + whole + "}", "web"},
		"an unknown key":           {"services: {web: {container: c, envPrefix: A_DEPLOY_}}", "envPrefix"},
		"an unknown key below":     {"services: {web: {probe: {prot: 1}}}", "prot"},
		"a key twice":              {"services: {web: {container: c, container: d}}", "container"},
		"a word":                   {"services: web", "cannot"},
		"a list of placements":     {"services: [" + whole + "]", "cannot"},
	} {
		if got, err := load(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestEveryFaultIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	read, err := load(`services:
  empty: {}
  hostile:
    container: -c
    image: sample:latest
    keyPrefix: HOSTILE_
    secrets: [GOOD, lower]
    probe: {port: 65536, path: /a/../b, flags: [a b]}
  sound: {container: c, image: i, keyPrefix: A_DEPLOY_, probe: {port: 1, path: /}}
`)
	if err != nil {
		t.Fatal(err)
	}
	read["--all"] = nil
	_, err = read.Specs("p")
	if err == nil {
		t.Fatal("all of it is taken")
	}
	want := []string{`projects.p.services: "--all" is not a Compose service name`}
	for _, service := range []string{"empty", "hostile"} {
		for _, key := range []string{"container", "image", "keyPrefix", "secrets", "probe.path", "probe.flags", "probe.port"} {
			if service == "hostile" || key != "secrets" && key != "probe.flags" {
				want = append(want, fmt.Sprintf("projects.p.services.%s.%s: ", service, key))
			}
		}
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Errorf("%d faults, want %d", len(lines), len(want))
	}
	for _, w := range want {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, w) }) {
			t.Errorf("no line begins with %s", w)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestDifferencesNameTheirKey(t *testing.T) {
	t.Parallel()
	want := spec("p", "sample")
	if d := Differences(want, spec("p", "sample")); d != nil {
		t.Errorf("of the same: %q", d)
	}
	none := want
	none.Secrets = nil
	empty := none
	empty.Secrets = []string{}
	if d := Differences(none, empty); d != nil {
		t.Errorf("of no secrets and none: %q", d)
	}
	for clause, change := range map[string]func(*workload.Spec){
		"container is x, want p-sample-backend":        func(s *workload.Spec) { s.Compose.ContainerName = "x" },
		"image is x, want p-sample":                    func(s *workload.Spec) { s.Compose.Image = "x" },
		"keyPrefix is X, want UNIDESK_SAMPLE_DEPLOY_":  func(s *workload.Spec) { s.KeyPrefix = "X" },
		"secrets is [SAMPLE_CLIENT_SECRET], want ":     func(s *workload.Spec) { s.Secrets = s.Secrets[:1] },
		"probe.port is 1, want 8080":                   func(s *workload.Spec) { s.Probe.Port = 1 },
		"probe.path is /, want /health":                func(s *workload.Spec) { s.Probe.Path = "/" },
		"probe.flags is [queue.ready], want [auth.log": func(s *workload.Spec) { s.Probe.Flags = s.Probe.Flags[1:] },
	} {
		have := spec("p", "sample")
		change(&have)
		if d := Differences(want, have); len(d) != 1 || !strings.HasPrefix(d[0], clause) {
			t.Errorf("%q, want %s", d, clause)
		}
	}
	if d := Differences(want, workload.Spec{Ref: want.Ref}); len(d) != 1 || !strings.Contains(d[0], "nothing but the service's name") {
		t.Errorf("of a service that is only named: %q", d)
	}
	turned := spec("p", "sample")
	slices.Reverse(turned.Secrets)
	slices.Reverse(turned.Probe.Flags)
	if d := Differences(want, turned); d != nil {
		t.Errorf("of the same in another order: %q", d)
	}
	other := workload.Spec{Ref: want.Ref, Compose: &workload.ComposeSpec{}}
	if d := Differences(want, other); len(d) != 7 {
		t.Errorf("of one that has all otherwise: %q", d)
	}
}
