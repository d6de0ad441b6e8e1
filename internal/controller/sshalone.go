package controller

import (
	"context"
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// lookBySSH is [sshAlone] over the host's own transport.
func lookBySSH(ctx context.Context, host tunnel.Config) (lines []string, reached bool) {
	facts, err := bootstrap.Look(ctx, hostShell(host))
	if err != nil {
		return []string{"past the agent: " + err.Error()}, false
	}
	way := "on this machine, as " + facts.Account
	if host.SSH != nil {
		way = "reached by ssh as " + facts.Account + ", with the host key that is known"
	}
	agent := "not installed"
	if facts.AgentInstalled() {
		agent = "installed, socket " + word(facts.Units["unidesk-agent.socket"].Active) +
			", service " + word(facts.Units["unidesk-agent.service"].Active)
	}
	engine := "no docker command"
	if facts.Docker {
		engine = "docker command present, docker.service " + word(facts.Units["docker.service"].Active)
	}
	unit := facts.Units[registry.Unit]
	return []string{
		"past the agent: " + way,
		"agent: " + agent,
		"engine: " + engine,
		fmt.Sprintf("registry unit: %s, %s, %s", word(unit.Load), word(unit.Active), word(unit.Enabled)),
	}, true
}

// word is systemd's, or what stands for one that it has not.
func word(s string) string {
	if s == "" || s == "-" {
		return "unknown"
	}
	return s
}
