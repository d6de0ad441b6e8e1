// Package inspectcmd holds the commands that look at services and at past deploys. They
// change nothing.
package inspectcmd

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

type historyCommand struct {
	*command.App
	env      artifact.Env
	service  string
	limit    int
	since    string
	outcomes []string
	all      bool
}

// NewHistory returns the command history, with show below it.
func NewHistory(a *command.App) *cobra.Command {
	c := &historyCommand{App: a}
	cmd := &cobra.Command{
		Use: "history", Short: "List the receipts of past deploys, newest first",
		Example: `  unidesk-controller history
  unidesk-controller history --env prod --service frontend
  unidesk-controller history --since 7d --outcome reverted,revert-failed
  unidesk-controller history --all`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	command.EnvFlag(cmd, &c.env, "only this `environment`")
	f := cmd.Flags()
	f.StringVar(&c.service, "service", "", "only this service")
	f.IntVar(&c.limit, "limit", 0, "at most so many, the newest; 0 is all")
	f.StringVar(&c.since, "since", "", "only what ended since then: `TIME` is 30m, 12h, 7d, 2026-01-31 (UTC) or 2026-01-31T12:00:00Z")
	f.StringSliceVar(&c.outcomes, "outcome", nil, "only these `outcomes`: succeeded, degraded, reverted, revert-failed")
	f.BoolVar(&c.all, "all", false, "list every attempt: also what was refused, goes on, or was killed")
	cmd.AddCommand(newHistoryShow(a))
	return cmd
}

func (c *historyCommand) Run(ctx context.Context) (present.Answer, error) {
	wanted, err := c.wanted(time.Now())
	if err != nil {
		return present.Answer{}, err
	}
	l, config, err := openLedger(c.App)
	if err != nil {
		return present.Answer{}, err
	}
	if c.service != "" { // the ledger looks for a folder of this name
		if _, err := artifact.ParseServiceID(c.service); err != nil {
			return present.Answer{}, err
		}
	}
	all, err := l.History(0, c.service)
	if err != nil {
		return present.Answer{}, err
	}
	var runs []journal.Run
	var unread error
	if c.all {
		if runs, unread = journal.Open(config.RunsDir()).Runs(journal.Query{Env: c.env, Service: c.service}); unread != nil {
			terminal.Note(c.Err, unread.Error())
		}
	}
	if c.service != "" && len(all)+len(runs) == 0 { // a service that has receipts may have left the catalog
		if _, err := site.RowsOf(c.ConfigDir, c.service); err != nil {
			return present.Answer{}, err
		}
	}
	if c.all {
		attempts := inventory.Attempts(runs, wanted.Of(all))
		attempts = slices.DeleteFunc(attempts, func(a inventory.Attempt) bool { return a.Started.Before(wanted.Since) })
		if wanted.Limit > 0 {
			attempts = attempts[:min(wanted.Limit, len(attempts))]
		}
		return present.Attempts(attempts, unread != nil), nil
	}
	services, _ := site.LoadCatalog(c.ConfigDir) // without it no commit has a subject
	return present.History(inventory.Recall(ctx, config, services, wanted.Of(all), all)), nil
}

// wanted is what the flags ask for.
func (c *historyCommand) wanted(now time.Time) (q ledger.Query, err error) {
	q.Env, q.Limit = c.env, c.limit
	if c.all && len(c.outcomes) > 0 {
		return q, fault.New(fault.Usage, "--all and --outcome exclude each other: an attempt may have no outcome")
	}
	if c.limit < 0 {
		return q, fault.New(fault.Usage, "--limit %d: want a number of receipts, or 0 for all", c.limit)
	}
	if q.Since, err = since(c.since, now); err != nil {
		return q, err
	}
	for _, word := range c.outcomes {
		outcome := ledger.Outcome(strings.TrimSpace(word))
		if !slices.Contains(ledger.Outcomes(), outcome) {
			return q, fault.New(fault.Usage, "--outcome %q: want some of succeeded, degraded, reverted, revert-failed, with commas between", word)
		}
		q.Outcomes = append(q.Outcomes, outcome)
	}
	return q, nil
}

// since returns the time that a person means: so long ago, a day or a moment; the zero time
// for "".
func since(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(form, s); err == nil {
			return at, nil
		}
	}
	units := map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	if n, err := strconv.ParseUint(s[:len(s)-1], 10, 16); err == nil && units[s[len(s)-1:]] > 0 {
		return now.Add(-time.Duration(n) * units[s[len(s)-1:]]), nil
	}
	return time.Time{}, fault.New(fault.Usage, "--since %q: want 30m, 12h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z", s)
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
	l, config, err := openLedger(c.App)
	if err != nil {
		return present.Answer{}, err
	}
	r, err := l.Get(c.id)
	return present.Receipt(r, config.Claims().Of(r.ID)), err
}

func openLedger(a *command.App) (*ledger.Ledger, site.Config, error) {
	c, err := site.LoadConfig(a.ConfigDir)
	if err != nil {
		return nil, c, err
	}
	a.Remind(c)
	return ledger.Open(c.LedgerDir()), c, nil
}
