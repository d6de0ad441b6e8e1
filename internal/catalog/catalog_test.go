package catalog_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestBuiltinServesTheMasterComposeServices(t *testing.T) {
	t.Parallel()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	commit, err := artifact.ParseCommit(strings.Repeat("1", 40))
	if err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string]struct{ container, image, prefix string }{
		"baidu-netdisk":   {"baidu-netdisk-backend", "baidu-netdisk", "UNIDESK_BAIDU_NETDISK_DEPLOY_"},
		"frontend":        {"unidesk-frontend", "unidesk-frontend", "UNIDESK_FRONTEND_DEPLOY_"},
		"project-manager": {"project-manager-backend", "project-manager", "UNIDESK_PROJECT_MANAGER_DEPLOY_"},
		"oa-event-flow":   {"oa-event-flow-backend", "oa-event-flow", "UNIDESK_OA_EVENT_FLOW_DEPLOY_"},
		"todo-note":       {"todo-note-backend", "todo-note", "UNIDESK_TODO_NOTE_DEPLOY_"},
	} {
		row, err := c.Row(service)
		if err != nil {
			t.Fatal(err)
		}
		if row.Compose.Container != want.container || row.Compose.Image != want.image || row.EnvPrefix() != want.prefix {
			t.Errorf("%s: %+v %s", service, row.Compose, row.EnvPrefix())
		}
		if row.Environments[catalog.Prod].Mode != catalog.Live {
			t.Errorf("%s is not live in prod", service)
		}
		if got := c.ImageRef(row, commit); got != "127.0.0.1:5000/unidesk/"+service+":"+commit.String() {
			t.Errorf("%s: %s", service, got)
		}
	}
}

func TestUnknownServiceNamesTheKnownOnes(t *testing.T) {
	t.Parallel()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nope", "", "--help", "../x"} {
		_, err := c.Row(name)
		if fault.ReasonOf(err) != fault.UnknownService || !strings.Contains(fault.HintOf(err), "baidu-netdisk") {
			t.Errorf("%q: %v, hint %q", name, err, fault.HintOf(err))
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

func TestEveryFaultOfAFileIsTold(t *testing.T) {
	t.Parallel()
	if _, err := catalog.Parse([]byte(minimal)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":        {"version: 1", "version: 1\nsurprise: 1", "surprise"},
		"another version":    {"version: 1", "version: 2", "version is 2"},
		"a shell in a name":  {"service: web", "service: '$(web)'", "compose.service"},
		"an image with tag":  {"image: web", "image: 'web:latest'", "compose.image"},
		"a port too high":    {"port: 80", "port: 70000", "probe.port"},
		"a path with query":  {"path: /health", "path: '/health?x=1'", "probe.path"},
		"a URL as path":      {"path: /health", "path: 'http://evil/health'", "probe.path"},
		"an unknown mode":    {"mode: live", "mode: maybe", "mode"},
		"a mode without why": {"mode: live", "mode: validate", "why is missing"},
		"no registry":        {"registry: 127.0.0.1:5000", "", "registry"},
		"no services":        {minimal[strings.Index(minimal, "services:"):], "services: {}", "services: none"},
	} {
		_, err := catalog.Parse([]byte(strings.Replace(minimal, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.ReasonOf(err) != fault.ConfigInvalid {
			t.Errorf("%s: %v, want mention of %q", name, err, c.want)
		}
	}
	broken := strings.NewReplacer("port: 80", "port: 0", "container: web-1", "container: ''").Replace(minimal)
	_, err := catalog.Parse([]byte(broken))
	if err == nil || !strings.Contains(err.Error(), "probe.port") || !strings.Contains(err.Error(), "compose.container") {
		t.Errorf("not all faults are told: %v", err)
	}
}
