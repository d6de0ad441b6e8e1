package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

func (a *app) registry() *cobra.Command {
	cmd := &cobra.Command{Use: "artifact-registry", Short: "The registry, and deploys of what it holds"}
	return grouped(
		cmd, a.registryPlan(), a.registryRender(), a.registryInstall(), a.registryStatus(), a.registryHealth(),
		a.registryList(), a.registryCatalog(), a.deployService(), a.deployBackendCore(),
	)
}

// finishRegistry prints a result and sets the exit code.
func (a *app) finishRegistry(ctx context.Context, r present.RegistryResult) error {
	if a.code = present.RegistryExit(r.Report); !r.OK && ctx.Err() != nil {
		a.code = present.ExitInterrupted
	}
	if a.format == "json" {
		return a.json(r)
	}
	return present.PrintRegistry(a.Out, r)
}
