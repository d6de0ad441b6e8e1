package controller

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
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
