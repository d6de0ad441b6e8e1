package deploycmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// backendCoreCommand is the legacy entry: whatever it is given, it only names
// the command to use.
type backendCoreCommand struct {
	*command.App
	commit string
	note   ledger.Note
}

// NewDeployBackendCore returns the command deploy-backend-core.
func NewDeployBackendCore(a *command.App) *cobra.Command {
	c := &backendCoreCommand{App: a}
	cmd := &cobra.Command{
		Use: "deploy-backend-core", Short: "Deprecated: use deploy apply --service backend-core",
		Example: "  unidesk-controller artifact-registry deploy-backend-core --commit 0123456789abcdef0123456789abcdef01234567",
		Args:    cobra.ArbitraryArgs, FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, RunE: a.Runs(c),
	}
	cmd.Flags().StringVar(&c.commit, "commit", "", "full commit id, for the command that is named")
	noteFlags(cmd, &c.note)
	return cmd
}

func (c *backendCoreCommand) Run(context.Context) (present.Answer, error) {
	commit, err := artifact.ParseCommit(c.commit)
	if err != nil {
		c.commit = string(contract.AnyCommit)
	}
	r := contract.Deprecated(c.commit)
	if message, err := ledger.ParseMessage(c.note.Message); err == nil && message != "" {
		r.Failure.Next = r.Failure.Next.And("-m", message)
	}
	if link, err := ledger.ParseLink(c.note.Link); err == nil {
		r.Failure.Next = r.Failure.Next.And("--link", link)
	}
	service, err := artifact.ParseServiceID("backend-core")
	if err != nil {
		return present.Answer{}, err
	}
	return attempt{c.App, true, journal.Line{Service: service, Env: artifact.Prod, Commit: commit}}.refused(r), nil
}
