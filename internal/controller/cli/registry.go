package cli

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
)

func (a *app) registry() *cobra.Command {
	cmd := &cobra.Command{Use: "artifact-registry", Short: "The registry, and deploys of what it holds"}
	return refuse.Group(
		cmd, a.registryPlan(), a.registryRender(), a.registryInstall(), a.registryStatus(), a.registryHealth(),
		a.registryList(), a.registryCatalog(), a.prefetch(), a.deployService(), a.deployBackendCore(),
	)
}
