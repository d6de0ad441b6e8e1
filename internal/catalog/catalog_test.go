package catalog_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

func builtin(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every row of the specification, with what a deploy touches in each environment.
func TestBuiltinHoldsTheFifteenServices(t *testing.T) {
	t.Parallel()
	c := builtin(t)
	compose := func(host, service, container string) []string {
		return []string{"composeService=" + service + " containerName=" + container + " on " + host}
	}
	pods := func(names ...string) (targets []string) {
		for _, n := range names {
			targets = append(targets, "deployment "+n+" on D601")
		}
		return targets
	}
	type in struct {
		mode    catalog.Mode
		shape   catalog.Shape
		prefix  string
		targets []string
	}
	none := in{mode: catalog.Unsupported}
	want := map[string][2]in{ // prod, dev
		"backend-core": {{catalog.Live, catalog.MasterCompose, "UNIDESK_BACKEND_CORE_DEPLOY_", compose("master", "backend-core", "unidesk-backend-core")}, none},
		"baidu-netdisk": {
			{catalog.Live, catalog.MasterCompose, "UNIDESK_BAIDU_NETDISK_DEPLOY_", compose("master", "baidu-netdisk", "baidu-netdisk-backend")},
			{catalog.Validate, catalog.MasterCompose, "UNIDESK_BAIDU_NETDISK_DEPLOY_", compose("master", "baidu-netdisk", "baidu-netdisk-backend")},
		},
		"frontend": {
			{catalog.Live, catalog.MasterCompose, "UNIDESK_FRONTEND_DEPLOY_", compose("master", "frontend", "unidesk-frontend")},
			{catalog.Live, catalog.K3s, "UNIDESK_DEPLOY_", append(pods("unidesk-dev/frontend-dev"),
				"secret unidesk-dev/frontend-dev-auth on D601", "configmap unidesk-dev/frontend-dev-auth on D601")},
		},
		"project-manager": {{catalog.Live, catalog.MasterCompose, "UNIDESK_PROJECT_MANAGER_DEPLOY_", compose("master", "project-manager", "project-manager-backend")}, none},
		"oa-event-flow":   {{catalog.Live, catalog.MasterCompose, "UNIDESK_OA_EVENT_FLOW_DEPLOY_", compose("master", "oa-event-flow", "oa-event-flow-backend")}, none},
		"todo-note":       {{catalog.Live, catalog.MasterCompose, "UNIDESK_TODO_NOTE_DEPLOY_", compose("master", "todo-note", "todo-note-backend")}, none},
		"code-queue-mgr":  {{catalog.Live, catalog.MasterCompose, "UNIDESK_CODE_QUEUE_MGR_DEPLOY_", compose("master", "code-queue-mgr", "code-queue-mgr-backend")}, none},
		"findjob": {
			{catalog.Live, catalog.D601Compose, "UNIDESK_FINDJOB_DEPLOY_", compose("D601", "findjob", "findjob-backend")},
			{catalog.Validate, catalog.D601Compose, "UNIDESK_FINDJOB_DEPLOY_", compose("D601", "findjob", "findjob-backend")},
		},
		"pipeline": {
			{catalog.Live, catalog.D601Compose, "UNIDESK_PIPELINE_DEPLOY_", compose("D601", "pipeline", "pipeline-backend")},
			{catalog.Validate, catalog.D601Compose, "UNIDESK_PIPELINE_DEPLOY_", compose("D601", "pipeline", "pipeline-backend")},
		},
		"met-nonlinear": {
			{catalog.Validate, catalog.D601Compose, "UNIDESK_MET_NONLINEAR_DEPLOY_", compose("D601", "met-nonlinear", "met-nonlinear-backend")},
			{catalog.Validate, catalog.D601Compose, "UNIDESK_MET_NONLINEAR_DEPLOY_", compose("D601", "met-nonlinear", "met-nonlinear-backend")},
		},
		"k3sctl-adapter": {{catalog.Validate, catalog.Infrastructure, "UNIDESK_K3SCTL_ADAPTER_DEPLOY_", []string{}}, none},
		"decision-center": {
			{catalog.Live, catalog.K3s, "UNIDESK_DEPLOY_", pods("unidesk/decision-center")},
			{catalog.Live, catalog.K3s, "UNIDESK_DEPLOY_", pods("unidesk-dev/decision-center-dev")},
		},
		"mdtodo": {
			{catalog.Live, catalog.K3s, "UNIDESK_DEPLOY_", pods("unidesk/mdtodo")},
			{catalog.Live, catalog.K3s, "UNIDESK_DEPLOY_", pods("unidesk-dev/mdtodo-dev")},
		},
		"claudeqq": {
			{catalog.Live, catalog.K3s, "UNIDESK_DEPLOY_", pods("unidesk/claudeqq")},
			{catalog.Live, catalog.K3s, "UNIDESK_DEPLOY_", pods("unidesk-dev/claudeqq-dev")},
		},
		"code-queue": {
			none,
			{catalog.Live, catalog.K3s, "UNIDESK_DEPLOY_", pods(
				"unidesk-dev/code-queue-scheduler-dev", "unidesk-dev/code-queue-read-dev",
				"unidesk-dev/code-queue-write-dev", "unidesk-dev/provider-egress-proxy-dev")},
		},
	}
	if len(c.Services()) != len(want) {
		t.Errorf("%d services, want %d", len(c.Services()), len(want))
	}
	for service, envs := range want {
		row, err := c.Row(service)
		if err != nil {
			t.Fatal(err)
		}
		for i, env := range artifact.Envs() {
			e := row.Environment(env)
			if e.Mode != envs[i].mode || e.Target.Shape != envs[i].shape {
				t.Errorf("%s %s: %s %s, want %s %s", service, env, e.Mode, e.Target.Shape, envs[i].mode, envs[i].shape)
			}
			if e.Mode == catalog.Unsupported {
				if len(e.Target.Names()) > 0 || e.Why == "" {
					t.Errorf("%s %s is unsupported and has targets %v, why %q", service, env, e.Target.Names(), e.Why)
				}
				continue
			}
			if diff := cmp.Diff(envs[i].targets, e.Target.Names()); diff != "" {
				t.Errorf("%s %s: %s", service, env, diff)
			}
			if got := row.KeyPrefix(env); got != envs[i].prefix {
				t.Errorf("%s %s: %s, want %s", service, env, got, envs[i].prefix)
			}
		}
		if got := c.ImageRef(row, commit(t)); got != "127.0.0.1:5000/unidesk/"+service+":"+commit(t).String() {
			t.Errorf("%s: %s", service, got)
		}
	}
}

func commit(t *testing.T) artifact.Commit {
	t.Helper()
	c, err := artifact.ParseCommit(strings.Repeat("1", 40))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUnknownServiceNamesThoseThatAreLikeIt(t *testing.T) {
	t.Parallel()
	c := builtin(t)
	for name, want := range map[string]string{
		"nope": "`unidesk-controller services` lists", "": "`unidesk-controller services` lists", "--help": "`unidesk-controller services` lists", "../x": "`unidesk-controller services` lists",
		"baidu": "did you mean baidu-netdisk?", "baidu-netdsk": "did you mean baidu-netdisk?", "netdisk": "did you mean baidu-netdisk?",
		"codequeue": "did you mean code-queue?", "code-q": "did you mean code-queue or code-queue-mgr?", "Frontend": "did you mean frontend?",
		"bakend-core": "did you mean backend-core?", "ls": "`unidesk-controller services` lists",
	} {
		_, err := c.Row(name)
		if fault.ReasonOf(err) != fault.UnknownService || !strings.HasPrefix(remedy.Hint(err), want) {
			t.Errorf("%q: %v, hint %q", name, err, fault.HintOf(err))
		}
	}
}

// Another service is a few lines of data, in each shape.
func TestASixteenthServiceIsDataAlone(t *testing.T) {
	t.Parallel()
	for shape, lines := range map[string]string{
		"composeService=wiki containerName=wiki-backend on master": `
  wiki:
    compose: {service: wiki, container: wiki-backend, image: wiki}
    environments: {prod: {mode: live}}
`,
		"composeService=wiki containerName=wiki-backend on D601": `
  wiki:
    shape: d601-compose
    compose: {project: wiki, service: wiki, container: wiki-backend, image: wiki}
    environments: {prod: {mode: live}}
`,
		"deployment unidesk/wiki on D601": `
  wiki:
    shape: k3s
    environments: {prod: {mode: live, gates: [promote]}}
`,
	} {
		c, err := catalog.Parse(append(catalog.BuiltinFile(), lines...))
		if err != nil {
			t.Fatal(err)
		}
		row, err := c.Row("wiki")
		if err != nil || len(c.Services()) != 16 {
			t.Fatalf("%d services, %v", len(c.Services()), err)
		}
		e := row.Environment(artifact.Prod)
		if diff := cmp.Diff([]string{shape}, e.Target.Names()); diff != "" {
			t.Error(diff)
		}
		if e.Probe.Port != 8080 || e.Probe.Path != "/health" {
			t.Errorf("probe %+v is not the shape's", e.Probe)
		}
	}
}

const minimal = `
version: 1
registry: 127.0.0.1:5000
defaults: {source: https://example.test/web}
services:
  web:
    compose: {service: web, container: web-1, image: web}
    probe: {port: 80, path: /health}
    environments: {prod: {mode: live}}
`

func TestEveryFaultOfAFileIsToldWithItsLine(t *testing.T) {
	t.Parallel()
	if _, err := catalog.Parse([]byte(minimal)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":              {"version: 1", "version: 1\nsurprise: 1", `line 3: unknown key "surprise"`},
		"another version":          {"version: 1", "version: 2", "line 2: version: is 2"},
		"not a number":             {"port: 80", "port: eighty", "line 8: cannot construct"},
		"the same key twice":       {"registry:", "version: 1\nregistry:", "line 3: mapping key \"version\" already defined"},
		"not YAML":                 {"version: 1", "version: [", "line "},
		"a shell in a name":        {"service: web", "service: '$(web)'", "line 7: services.web.compose.service"},
		"an image with tag":        {"image: web", "image: 'web:latest'", "line 7: services.web.compose.image"},
		"a port too high":          {"port: 80", "port: 70000", "line 8: services.web.probe.port"},
		"a path with query":        {"path: /health", "path: '/health?x=1'", "line 8: services.web.probe.path"},
		"a URL as path":            {"path: /health", "path: 'http://evil/health'", "line 8: services.web.probe.path"},
		"no probe":                 {"    probe: {port: 80, path: /health}\n", "", "line 6: services.web.probe.port: 0"},
		"an unknown mode":          {"mode: live", "mode: maybe", "line 9: services.web.environments.prod.mode"},
		"a mode without why":       {"mode: live", "mode: validate", "why is missing"},
		"an unknown environment":   {"prod:", "staging:", "is not prod or dev"},
		"an unknown shape":         {"mode: live", "mode: live, shape: nomad", `"nomad" is not one of`},
		"an unknown policy":        {"    environments:", "    provenance: hope\n    environments:", `provenance: "hope" is not optional or required`},
		"an unknown gate":          {"mode: live", "mode: live, gates: [moon]", `"moon" is not one of`},
		"a gate that cannot open":  {"mode: live", "mode: live, gates: [contract-mismatch]", "contract-mismatch goes with mode validate"},
		"no Compose part":          {"    compose: {service: web, container: web-1, image: web}\n", "", "line 6: services.web.compose: is missing"},
		"no project on D601":       {"mode: live", "mode: live, shape: d601-compose", "services.web.compose.project"},
		"live infrastructure":      {"mode: live", "mode: live, shape: infrastructure", "services.web.environments.prod.mode: infrastructure goes with mode validate"},
		"no namespace":             {"mode: live", "mode: live, shape: k3s", "services.web.environments.prod.kubernetes.namespace"},
		"a Deployment's name":      {"mode: live", "mode: live, shape: k3s, kubernetes: {namespace: a, deployments: [../x]}", `"../x" is not a Deployment's name`},
		"the master elsewhere":     {"defaults: {", "defaults: {shapes: {master-compose: {host: D601}}, ", "line 4: defaults.shapes.master-compose.host"},
		"prod's container for dev": {"{prod: {mode: live}}", "{prod: {mode: live}, dev: {mode: live}}", "line 9: services.web.environments.dev: service web of Compose project (the configured one) on master is also what services.web.environments.prod brings live"},
		"another's service": {
			"    probe", "    probe: {port: 80, path: /health}\n    environments: {prod: {mode: live}}\n  xeb:\n    compose: {service: web, container: xeb-1, image: xeb}\n    probe",
			"line 13: services.xeb.environments.prod: service web of Compose project (the configured one) on master is also what services.web.environments.prod brings live",
		},
		"another's container": {
			"    probe", "    probe: {port: 80, path: /health}\n    environments: {prod: {mode: live}}\n  xeb:\n    compose: {project: own, service: web, container: web-1, image: xeb}\n    probe",
			"line 13: services.xeb.environments.prod: container web-1 on master is also what services.web.environments.prod brings live",
		},
		"a Deployment twice": {
			"mode: live", "mode: live, shape: k3s, kubernetes: {namespace: a, deployments: [x, x]}",
			"services.web.environments.prod: deployment a/x on D601 is also what services.web.environments.prod brings live",
		},
		"an unknown shape's part": {"defaults: {", "defaults: {shapes: {nomad: {host: D601}}, ", "line 4: defaults.shapes.nomad"},
		"a shape's platform":      {"defaults: {", "defaults: {shapes: {master-compose: {platform: amd64}}, ", `line 4: defaults.shapes.master-compose.platform: "amd64" is not os/architecture`},
		"no registry":             {"registry: 127.0.0.1:5000", "", "line 2: registry:"},
		"no services":             {minimal[strings.Index(minimal, "services:"):], "services: {}", "line 5: services: none"},
	} {
		_, err := catalog.Parse([]byte(strings.Replace(minimal, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.ReasonOf(err) != fault.ConfigInvalid {
			t.Errorf("%s: %v, want mention of %q", name, err, c.want)
		}
	}
	broken := strings.NewReplacer("port: 80", "port: 0, prot: 1", "{mode: live}}", "{mode: live}, dev: {mode: validate, why: x}}", "container: web-1", "container: ''", "version: 1", "version: one").Replace(minimal)
	_, err := catalog.Parse([]byte(broken))
	want := []string{"line 2: cannot", "line 2: version", "line 7: services.web.compose.container", "line 8: services.web.probe.port", `line 8: unknown key "prot"`}
	if err == nil {
		t.Fatal("no fault")
	}
	// The row's faults are both environments', and reported once.
	lines := strings.Split(err.Error(), "\n")[1:]
	if len(lines) != len(want) {
		t.Fatalf("%d faults, want %d: %v", len(lines), len(want), err)
	}
	for i, w := range want {
		if !strings.HasPrefix(lines[i], w) {
			t.Errorf("fault %d is %q, want %q", i, lines[i], w)
		}
	}
}
