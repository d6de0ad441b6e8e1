package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

type historyCommand struct {
	*app
	env     artifact.Env
	service string
}

func (a *app) history() *cobra.Command {
	c := &historyCommand{app: a}
	cmd := &cobra.Command{
		Use: "history", Short: "List the receipts of past deploys, newest first",
		Example: `  unidesk-controller history
  unidesk-controller history --env prod --service frontend`,
		Args: cobra.NoArgs, RunE: a.runs(c),
	}
	envFlag(cmd, &c.env, "only this `environment`")
	cmd.Flags().StringVar(&c.service, "service", "", "only this service")
	cmd.AddCommand(a.historyShow())
	return cmd
}

func (c *historyCommand) run(context.Context) (present.Answer, error) {
	l, err := c.ledger()
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
		if _, err := site.RowsOf(c.configDir, c.service); err != nil {
			return present.Answer{}, err
		}
	}
	return present.Receipts(receipts), nil
}

type historyShowCommand struct {
	*app
	id string
}

func (a *app) historyShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Print one receipt whole", Example: "  unidesk-controller history show 20260102T030405Z-frontend",
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.complete().Receipts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.do(cmd.Context(), historyShowCommand{a, args[0]})
		},
	}
}

func (c historyShowCommand) run(context.Context) (present.Answer, error) {
	l, err := c.ledger()
	if err != nil {
		return present.Answer{}, err
	}
	r, err := l.Get(c.id)
	return present.Receipt(r), err
}

func (a *app) ledger() (*ledger.Ledger, error) {
	c, err := site.LoadConfig(a.configDir)
	if err != nil {
		return nil, err
	}
	a.remind(c)
	return ledger.Open(c.LedgerDir()), nil
}
