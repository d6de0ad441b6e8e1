package site

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/packaging"
)

// If the agent is what is missing, Unread asks ssh alone. It never asks about a host
// that shows another key, or an agent that refused. The next command does not
// contradict the failure's own hint.
func TestWhatSSHAloneTells(t *testing.T) {
	t.Parallel()
	c := Defaults()
	const bootstrap, look = "unidesk-controller host bootstrap D601", "systemctl status unidesk-agent.socket"
	there, none, gone := SSHFacts{true, true, []string{"x"}}, SSHFacts{true, false, []string{"x"}}, SSHFacts{}
	silent := fault.New(fault.HostUnreachable, "silent").WithHint(look)
	for name, tt := range map[string]struct {
		err      error
		seen     SSHFacts
		decision registry.Decision
		asked    bool
		next     string
		hint     string
	}{
		"no agent":          {fault.New(fault.NotAnAgent, "none"), none, registry.AgentUnavailable, true, bootstrap, ""},
		"too old":           {fault.New(fault.CapabilityMissing, "old"), there, registry.AgentUnavailable, true, bootstrap, ""},
		"stopped":           {silent, there, registry.AgentUnavailable, true, look, look},
		"silent, none seen": {silent, none, registry.AgentUnavailable, true, bootstrap, bootstrap},
		"no role":           {fault.New(fault.RoleMissing, "who").WithHint("add it"), there, registry.Refused, false, "add it", "add it"},
		"gone":              {silent, gone, registry.HostUnreachable, true, look, look},
		"another key":       {fault.New(fault.HostKeyMismatch, "key").WithHint("find out why"), there, registry.HostUnreachable, false, "find out why", "find out why"},
		"refused by it ":    {fault.New(fault.PathRefused, "no"), there, registry.Refused, false, "on the host, as root: journalctl -u unidesk-agent -n 50", ""},
		"a key is missing": {
			fault.New(fault.CapabilityMissing, "%w", &rpc.Unplaced{Host: "D601", What: "manages no registry", Key: "registryRoots"}), none,
			registry.AgentUnavailable, false, "on the host, as root: name registryRoots in /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent", "",
		},
		"a key is missing, with its fix": {
			fault.New(fault.CapabilityMissing, "%w", &rpc.Unplaced{Host: "D601", What: "manages no registry", Key: "registryRoots"}).WithHint("add it"), none,
			registry.AgentUnavailable, false, "add it", "add it",
		},
	} {
		asked := false
		look := func(_ context.Context, host tunnel.Config) SSHFacts {
			asked = host.SSH.Destination == "D601"
			return tt.seen
		}
		r := Unread(t.Context(), c, look, tt.err).Worded(remedy.Text)
		if r.Decision != tt.decision || asked != tt.asked || r.Next != tt.next || r.Failure.Hint != tt.hint || (len(r.Hints) == 1) != (tt.asked && tt.seen.reached) {
			t.Errorf("%s: asked %v, %+v, hint %q", name, asked, r, r.Failure.Hint)
		}
	}
	if r := Unread(t.Context(), c, nil, fault.New(fault.NotAnAgent, "none")); r.Decision != registry.AgentUnavailable {
		t.Errorf("without that way: %+v", r)
	}
}

func TestWhatIsSeenPastTheAgentSaysOfWhatItIs(t *testing.T) {
	t.Parallel()
	host := tunnel.Config{Socket: "/run/unidesk-agent/agent.sock"}
	facts := bootstrap.Facts{
		Account: "me", Systemd: true, Files: map[string]string{packaging.AgentPath: "0ab"},
		Units: map[string]bootstrap.Unit{registry.Unit: {Load: "loaded", Active: "inactive", Enabled: "-"}, "unidesk-agent.socket": {Active: "failed"}},
	}
	want := []string{
		"past the agent: on this machine, as me",
		"agent: /usr/bin/unidesk-agent is there; its socket is failed, its service unknown",
		"engine: no docker command; docker.service is unknown",
		"registry unit: load loaded, active inactive, enabled unknown",
	}
	if diff := cmp.Diff(want, told(host, facts)); diff != "" {
		t.Error(diff)
	}
	facts.Systemd, facts.Docker, facts.Files = false, true, nil
	want = []string{want[0], "agent: no file /usr/bin/unidesk-agent", "engine: docker command present", "units: systemd does not run there"}
	if diff := cmp.Diff(want, told(host, facts)); diff != "" {
		t.Error(diff)
	}
	command := tunnel.Config{Command: []string{"true"}}
	if seen := ProbeBySSH(t.Context(), command); seen.reached || len(seen.lines) > 0 {
		t.Errorf("a host that is not reached: %+v", seen)
	}
}
