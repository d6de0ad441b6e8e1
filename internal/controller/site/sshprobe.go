package site

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/packaging"
)

// ProbeBySSH is an [SSHProbe] over the host's own transport.
func ProbeBySSH(ctx context.Context, host tunnel.Config) SSHFacts {
	facts, err := bootstrap.Look(ctx, HostShell(host))
	if err != nil {
		return SSHFacts{} // its words are the failure's own, once more
	}
	return SSHFacts{reached: true, agent: facts.AgentInstalled(), lines: told(host, facts)}
}

// told are the facts in words, a line each.
func told(host tunnel.Config, facts bootstrap.Facts) []string {
	way := "on this machine, as " + facts.Account
	if host.SSH != nil {
		way = "reached by ssh as " + facts.Account + ", with the host key that is known"
	}
	// One that answers, by another way, may lie elsewhere.
	agent := "no file " + packaging.AgentPath
	if facts.AgentInstalled() {
		agent = packaging.AgentPath + " is there"
	}
	engine := "no docker command"
	if facts.Docker {
		engine = "docker command present"
	}
	lines := []string{"past the agent: " + way}
	if !facts.Systemd {
		return append(lines, "agent: "+agent, "engine: "+engine, "units: systemd does not run there")
	}
	socket, service, docker, unit := facts.Units["unidesk-agent.socket"], facts.Units["unidesk-agent.service"], facts.Units["docker.service"], facts.Units[registry.Unit]
	return append(
		lines,
		fmt.Sprintf("agent: %s; its socket is %s, its service %s", agent, word(socket.Active), word(service.Active)),
		fmt.Sprintf("engine: %s; docker.service is %s", engine, word(docker.Active)),
		fmt.Sprintf("registry unit: load %s, active %s, enabled %s", word(unit.Load), word(unit.Active), word(unit.Enabled)),
	)
}

// word is systemd's, or what stands for one that it has not.
func word(s string) string {
	if s == "" || s == "-" {
		return "unknown"
	}
	return s
}

// HostShell runs commands on a host itself, past its agent.
func HostShell(host tunnel.Config) bootstrap.Shell {
	return func(ctx context.Context, argv []string, stdin []byte) ([]byte, error) {
		return tunnel.Run(ctx, host, argv, bytes.NewReader(stdin))
	}
}

// SSHProbe returns what ssh alone can learn of a host whose agent did not answer. It
// ends with its context.
type SSHProbe func(context.Context, tunnel.Config) SSHFacts

// SSHFacts are what ssh can see of a host when its agent does not answer; they are
// empty if ssh did not get there.
type SSHFacts struct {
	reached bool
	agent   bool // an agent's binary is there
	lines   []string
}

// sshProbeWithin is the most that is waited for it.
const sshProbeWithin = 10 * time.Second
