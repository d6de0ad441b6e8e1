package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

// deployBackendCoreCommand is the legacy entry: whatever it is given, it only names
// the command to use.
type deployBackendCoreCommand struct{ commit string }

func (a *app) deployBackendCore() *cobra.Command {
	c := &deployBackendCoreCommand{}
	cmd := &cobra.Command{
		Use: "deploy-backend-core", Short: "Deprecated: use deploy apply --env prod --service backend-core",
		Example: "  unidesk-controller artifact-registry deploy-backend-core --commit 0123456789abcdef0123456789abcdef01234567",
		Args:    cobra.ArbitraryArgs, FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, RunE: a.runs(c),
	}
	cmd.Flags().StringVar(&c.commit, "commit", "", "full commit id, for the command that is named")
	return cmd
}

func (c *deployBackendCoreCommand) run(context.Context) (present.Answer, error) {
	if _, err := artifact.ParseCommit(c.commit); err != nil {
		c.commit = string(contract.AnyCommit)
	}
	return present.Deployed(contract.Deprecated(c.commit)), nil
}
