package site

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func firstConfig(c Config, host string) bootstrap.FirstConfig {
	return must(c.FirstConfig(must(catalog.Builtin()), host))
}

// placements are all that a host with these projects in its agent.yaml places.
func placements(t *testing.T, projects string) map[string]workload.Spec {
	t.Helper()
	read, err := agent.Load(strings.NewReader("version: 2\nregistry: http://127.0.0.1:5000\ndocker: /run/docker.sock\n" + projects))
	if err != nil {
		t.Fatalf("%v\n%s", err, projects)
	}
	have := map[string]workload.Spec{}
	for name, p := range read.Projects {
		for _, spec := range must(p.Services.Specs(name)) {
			have[spec.Ref.String()] = spec
		}
	}
	if read.Kubernetes != nil {
		for name, n := range read.Kubernetes.Namespaces {
			for _, spec := range must(n.Services.Specs(name)) {
				have[spec.Ref.String()] = spec
			}
		}
	}
	return have
}

func TestTheAgentReadsBackWhatThePlacementSays(t *testing.T) {
	t.Parallel()
	c, services := Defaults(), must(catalog.Builtin())
	wide := must(catalog.Parse(append(catalog.BuiltinFile(), `
  wiki:
    shape: d601-compose
    compose: {project: findjob, service: wiki, container: wiki-backend, image: wiki}
    secrets: [WIKI_TOKEN, WIKI_KEY]
    probe: {port: 81, path: /live, flags: [auth.loggedIn]}
    environments: {prod: {mode: live}}
`...)))
	for name, tt := range map[string]struct {
		catalog *catalog.Catalog
		want    int
	}{"the built-in catalog": {services, 11}, "two services of a project, with secrets and flags": {wide, 12}} {
		want := map[string]workload.Spec{}
		for _, spec := range tt.catalog.Workloads("D601", c.Master.Project) {
			want[spec.Ref.String()] = spec
		}
		for what, section := range map[string]string{
			"for a person": must(c.Placement(tt.catalog, "D601")), "for the first agent.yaml": must(c.FirstConfig(tt.catalog, "D601")).Placement,
		} {
			have := placements(t, section)
			if len(have) != tt.want || len(want) != tt.want {
				t.Errorf("%s, %s: %d services, the catalog has %d, want %d", name, what, len(have), len(want), tt.want)
			}
			for ref, spec := range want {
				if diff := placement.Differences(spec, have[ref]); len(diff) > 0 {
					t.Errorf("%s, %s, %s: %q", name, what, ref, diff)
				}
			}
		}
	}
}

func TestWhereNothingIsToBePlacedThePlacementSaysSo(t *testing.T) {
	t.Parallel()
	c, services := Defaults(), must(catalog.Builtin())
	c.Hosts = map[string]tunnel.Config{"other": {}}
	for host, want := range map[string]string{
		"other": "# The catalog has no service on other", catalog.Master: "# The controller places the services of the master itself",
	} {
		got := must(c.Placement(services, host))
		if !strings.HasPrefix(got, want) || len(placements(t, got)) > 0 {
			t.Errorf("%s: %s", host, got)
		}
		if first := firstConfig(c, host); first.Placement != "" {
			t.Errorf("first agent.yaml of %s: %s", host, first.Placement)
		}
	}
	if _, err := c.Placement(services, "nowhere"); fault.ReasonOf(err) != fault.Usage || cmp.Diff(err.Error(), `"nowhere" is not among the hosts of controller.yaml: other`) != "" {
		t.Errorf("a host that is not known: %v", err)
	}
}
