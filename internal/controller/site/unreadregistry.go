package site

import (
	"cmp"
	"context"
	"errors"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// Unread is the report of a registry that was not read, with what else can be
// learned of its host.
func Unread(ctx context.Context, c Config, alone SSHProbe, err error) registry.Report {
	r := registry.Unreachable(c.Registry, remedy.Report(err))
	if r.Failure.Reason == fault.HostKeyMismatch {
		return r // no answer of this host can be trusted
	}
	if unplaced := (*rpc.Unplaced)(nil); errors.As(err, &unplaced) { // the agent itself has named what is missing
		r.Summary = "the agent answers, and no registry is configured on its host (registryRoots in agent.yaml)"
		r.Next = cmp.Or(r.Failure.Hint, "on the host, as root: name "+unplaced.Key+" in /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent")
		return r
	}
	var seen SSHFacts
	if alone != nil && (r.Decision == registry.AgentUnavailable || r.Decision == registry.HostUnreachable) {
		ctx, cancel := context.WithTimeout(ctx, sshProbeWithin)
		defer cancel()
		seen = alone(ctx, c.Hosts[c.RegistryHost])
		r.Hints = seen.lines
		if seen.reached && r.Decision == registry.HostUnreachable {
			r = r.WithoutAgent()
		}
	}
	if r.Decision == registry.AgentUnavailable {
		r.Next = "unidesk-controller host bootstrap " + c.RegistryHost
		switch silent := r.Failure.Reason == fault.HostUnreachable; {
		case silent && seen.agent && r.Failure.Hint != "": // it is there: find out why it is silent
			r.Next = r.Failure.Hint
		case silent && seen.reached:
			r.Failure.Hint = r.Next
		}
	}
	return r
}
