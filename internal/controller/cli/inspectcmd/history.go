// Package inspectcmd holds the commands that look at services and at past deploys. They
// change nothing.
package inspectcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

type historyCommand struct {
	*command.App
	env     artifact.Env
	service string
}

// NewHistory returns the command history, with show below it.
func NewHistory(a *command.App) *cobra.Command {
	c := &historyCommand{App: a}
	cmd := &cobra.Command{
		Use: "history", Short: "List the receipts of past deploys, newest first",
		Example: `  unidesk-controller history
  unidesk-controller history --env prod --service frontend`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	command.EnvFlag(cmd, &c.env, "only this `environment`")
	cmd.Flags().StringVar(&c.service, "service", "", "only this service")
	cmd.AddCommand(newHistoryShow(a))
	return cmd
}

func (c *historyCommand) Run(context.Context) (present.Answer, error) {
	l, err := openLedger(c.App)
	if err != nil {
		return present.Answer{}, err
	}
	if c.service != "" { // the ledger looks for a folder of this name
		if _, err := artifact.ParseServiceID(c.service); err != nil {
			return present.Answer{}, err
		}
	}
	receipts, err := l.History(c.env, c.service)
	if err != nil {
		return present.Answer{}, err
	}
	if c.service != "" && len(receipts) == 0 { // a service that has receipts may have left the catalog
		if _, err := site.RowsOf(c.ConfigDir, c.service); err != nil {
			return present.Answer{}, err
		}
	}
	return present.Receipts(receipts), nil
}

type historyShowCommand struct {
	*command.App
	id string
}

func newHistoryShow(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Print one receipt whole", Example: "  unidesk-controller history show 20260102T030405Z-frontend",
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.Complete().Receipts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.Do(cmd.Context(), historyShowCommand{a, args[0]})
		},
	}
}

func (c historyShowCommand) Run(context.Context) (present.Answer, error) {
	l, err := openLedger(c.App)
	if err != nil {
		return present.Answer{}, err
	}
	r, err := l.Get(c.id)
	return present.Receipt(r), err
}

func openLedger(a *command.App) (*ledger.Ledger, error) {
	c, err := site.LoadConfig(a.ConfigDir)
	if err != nil {
		return nil, err
	}
	a.Remind(c)
	return ledger.Open(c.LedgerDir()), nil
}
