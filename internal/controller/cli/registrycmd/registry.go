// Package registrycmd holds the commands about the artifact registry: what it is declared to
// be, its installation, how it is, and what it holds.
package registrycmd

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
)

// NewRegistry returns the command artifact-registry. deploys are the commands that deploy what
// it holds; they are below it, too.
func NewRegistry(a *command.App, deploys ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: "artifact-registry", Aliases: []string{"registry"}, Short: "The registry, and deploys of what it holds"}
	own := []*cobra.Command{newPlan(a), newRender(a), newInstall(a), newStatus(a), newHealth(a), newList(a), newCatalog(a)}
	return refuse.Group(cmd, append(own, deploys...)...)
}
