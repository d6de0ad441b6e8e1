package controller

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

func (a *app) registry() *cobra.Command {
	cmd := &cobra.Command{Use: "artifact-registry", Short: "The registry, and deploys of what it holds"}
	return grouped(
		cmd, a.registryPlan(), a.registryRender(), a.registryInstall(), a.registryStatus(), a.registryHealth(),
		a.registryList(), a.registryCatalog(), a.deployService(), a.deployBackendCore(),
	)
}

// registryResult is what the commands answer that ask the registry's host.
// docs/output.md describes its JSON.
type registryResult struct {
	Host string `json:"host"`
	registry.Report
	// Changes and Steps are of an installation; Changes is nil for a question, and
	// for an installation that did not end.
	Changes *int                `json:"changes,omitempty"`
	Steps   []registry.Progress `json:"steps,omitempty"`
}

// sshAlone tells what ssh alone can tell of a host whose agent did not answer. It
// comes to an end with its context.
type sshAlone func(context.Context, tunnel.Config) glimpse

// glimpse is what was seen of a host past its agent; nothing where ssh did not get
// there.
type glimpse struct {
	reached bool
	agent   bool // an agent's binary is there
	lines   []string
}

// sshAloneWithin is the most that is waited for it.
const sshAloneWithin = 10 * time.Second

// declared is the configuration for commands that contact nothing: where there is
// none they tell of the defaults. From names where it comes from.
func (a *app) declared() (c Config, from string, err error) {
	c, err = LoadConfig(a.configDir)
	path := filepath.Join(a.configDir, "controller.yaml")
	if errors.Is(err, fs.ErrNotExist) {
		return defaults(), "the defaults (there is no " + path + ")", nil
	}
	return c, path, err
}

// unread is the report of a registry that was not read, with what else can be
// learned of its host.
func (a *app) unread(ctx context.Context, c Config, err error) registry.Report {
	r := registry.Unreachable(c.Registry, remedy.Report(err))
	if r.Failure.Reason == fault.HostKeyMismatch {
		return r // nothing that this host says is worth anything
	}
	if unplaced := (*rpc.Unplaced)(nil); errors.As(err, &unplaced) { // the agent itself has said what is missing
		r.Summary = "the host's agent answers, and was not told that it manages a registry"
		r.Next = "unidesk-controller artifact-registry status"
		return r
	}
	var seen glimpse
	if a.sshAlone != nil && (r.Decision == registry.AgentUnavailable || r.Decision == registry.HostUnreachable) {
		ctx, cancel := context.WithTimeout(ctx, sshAloneWithin)
		defer cancel()
		seen = a.sshAlone(ctx, c.Hosts[c.RegistryHost])
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

// registryExit is what a report comes to as an exit code.
func registryExit(r registry.Report) int {
	switch {
	case r.OK:
		return ExitOK
	case r.Decision == registry.ServiceDegraded, r.Decision == registry.Drifted:
		return ExitDegraded
	default:
		return ExitFailed
	}
}

// finishRegistry prints a result and sets the exit code.
func (a *app) finishRegistry(ctx context.Context, r registryResult) error {
	if a.code = registryExit(r.Report); !r.OK && ctx.Err() != nil {
		a.code = ExitInterrupted
	}
	if a.format == "json" {
		return a.json(r)
	}
	return printRegistry(a.Out, r)
}
