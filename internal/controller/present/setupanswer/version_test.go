package setupanswer

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

func TestVersionsOfAllPrograms(t *testing.T) {
	t.Parallel()
	same := site.HostRow{Name: "a", Reachable: true, Agent: &rpc.Description{AgentVersion: "v1.2.3"}}
	older := site.HostRow{Name: "b", Reachable: true, Agent: &rpc.Description{AgentVersion: "v1.2.2"}}
	silent := site.HostRow{Name: "c", Reason: fault.HostUnreachable, Message: "no answer", Hint: "look there"}
	own := build.Info{Version: "v1.2.3", Go: "go1", OS: "linux", Arch: "amd64"}
	for name, c := range map[string]struct {
		answer     present.Answer
		exit       int
		text, json []string
		not        string
	}{
		"no host is asked": {Version(own), present.ExitOK, []string{"unidesk-controller v1.2.3, commit not recorded, go1 linux/amd64\n"}, []string{`"ok": true`, `"version": "v1.2.3"`, `"go": "go1"`}, "hosts"},
		"all are the same": {VersionOfAll(own, []site.HostRow{same}), present.ExitOK, []string{"  a              v1.2.3\n"}, []string{`"ok": true`, `"same": true`}, "warning"},
		"skew": {
			VersionOfAll(own, []site.HostRow{same, older}), present.ExitOK,
			[]string{"  b              v1.2.2\n", "! the agent on b is v1.2.2, and this controller is v1.2.3"},
			[]string{`"ok": true`, `"same": false`, `"warnings": [`},
			"agent on a",
		},
		"a host does not answer": {
			VersionOfAll(own, []site.HostRow{same, silent}), present.ExitFailed,
			[]string{"  c              not known: no answer (HOST_UNREACHABLE)\n", "look there"},
			[]string{`"ok": false`, `"reason": "HOST_UNREACHABLE"`},
			"warning",
		},
	} {
		var text, json bytes.Buffer
		if err := c.answer.Print(&text, "text"); err != nil {
			t.Fatal(err)
		}
		if err := c.answer.Print(&json, "json"); err != nil {
			t.Fatal(err)
		}
		if c.answer.Exit != c.exit || strings.Contains(text.String()+json.String(), c.not) {
			t.Errorf("%s: exit %d, want %d; without %q:\n%s%s", name, c.answer.Exit, c.exit, c.not, text.String(), json.String())
		}
		for _, want := range c.text {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, text.String())
			}
		}
		for _, want := range c.json {
			if !strings.Contains(json.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, json.String())
			}
		}
	}
}
