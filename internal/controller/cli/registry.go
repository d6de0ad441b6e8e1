package cli

import "github.com/spf13/cobra"

func (a *app) registry() *cobra.Command {
	cmd := &cobra.Command{Use: "artifact-registry", Short: "The registry, and deploys of what it holds"}
	return grouped(
		cmd, a.registryPlan(), a.registryRender(), a.registryInstall(), a.registryStatus(), a.registryHealth(),
		a.registryList(), a.registryCatalog(), a.deployService(), a.deployBackendCore(),
	)
}
