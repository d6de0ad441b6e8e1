package controller

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

func (a *app) history() *cobra.Command {
	var env, service string
	cmd := &cobra.Command{
		Use: "history", Short: "List the receipts of past deploys, newest first", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			l, err := a.ledger()
			if err != nil {
				return err
			}
			if err := named(env, service); err != nil {
				return err
			}
			receipts, err := l.History(env, service)
			if err != nil {
				return err
			}
			if service != "" && len(receipts) == 0 { // one that has receipts may have left the catalog
				if _, err := a.rowsOf(service); err != nil {
					return err
				}
			}
			if a.format == "json" {
				if receipts == nil {
					receipts = []ledger.Receipt{}
				}
				return a.json(receipts)
			}
			if len(receipts) == 0 {
				_, err := fmt.Fprintln(a.Out, "no receipt yet: a deploy writes one when it is proven or taken back")
				return err
			}
			var lines [][]string
			for _, r := range receipts {
				lines = append(lines, []string{
					r.ID, r.Service.String(), r.Env, r.Commit.Short(), string(r.Outcome),
					size(r.Bytes.Received), fmt.Sprintf("%.1f s", r.Finished.Sub(r.Started).Seconds()), r.Who,
				})
			}
			return rows(a.Out, []string{"RECEIPT", "SERVICE", "ENV", "COMMIT", "OUTCOME", "CROSSED", "TOOK", "WHO"}, lines)
		},
	}
	cmd.Flags().StringVar(&env, "env", "", "only this environment")
	cmd.Flags().StringVar(&service, "service", "", "only this service")
	cmd.AddCommand(&cobra.Command{
		Use: "show ID", Short: "Print one receipt whole", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeReceipts,
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := a.ledger()
			if err != nil {
				return err
			}
			r, err := l.Get(args[0])
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(r)
			}
			return printReceipt(a.Out, r)
		},
	})
	return cmd
}

// named refuses what can be no environment and no service: the ledger looks for
// folders of these names. A service that the catalog has no more is one.
func named(env, service string) error {
	if _, err := catalog.ParseEnv(env); err != nil || service == "" {
		return err
	}
	_, err := artifact.ParseServiceID(service)
	return err
}

func (a *app) ledger() (*ledger.Ledger, error) {
	c, err := LoadConfig(a.configDir)
	if err != nil {
		return nil, err
	}
	a.remind(c)
	return ledger.Open(c.ledgerDir()), nil
}

// printReceipt writes a receipt for people; JSON has all of it.
func printReceipt(out io.Writer, r ledger.Receipt) error {
	p := &printer{out: out}
	style := bad
	switch r.Outcome {
	case ledger.Succeeded:
		style = good
	case ledger.Degraded:
		style = warn
	}
	p.line("%s  %s %s %s%s", style.Render(string(r.Outcome)), r.Service, r.Env, r.Commit, faint.Render(fmt.Sprintf("  %.1f s", r.Finished.Sub(r.Started).Seconds())))
	p.field("receipt", "%s", r.ID)
	p.field("finished", "%s, by %s, with controller %s", r.Finished.Format(time.DateTime+"Z07:00"), r.Who, r.Controller)
	if r.Failure != "" {
		p.field("because", "%s", indent(r.Failure))
	}
	p.field("ran before", "%s", cmp.Or(r.Before.Commit, "none"))
	p.field("manifest", "%s", r.Image.Manifest)
	p.field("config", "%s", r.Image.Config)
	if r.Provenance.Status != "" {
		p.field("provenance", "%s, %s", origin(r.Provenance), indent(r.Provenance.Detail))
	}
	p.grant(r.Grant)
	p.evidence(contract.Result{Evidence: r.Evidence})
	for _, d := range r.Disturbed {
		p.field("disturbed", "%s %s", warn.Render("!"), d)
	}
	for i, s := range r.Steps {
		p.field(map[bool]string{true: "steps"}[i == 0], "%6.1f s  %s", s.At.Sub(r.Started).Seconds(), s.Point)
	}
	if back, err := contract.ParseCommand(r.Rollback); err == nil && r.Outcome == ledger.Succeeded && back.Complete() {
		p.field("to go back", "%s", r.Rollback)
	}
	return p.err
}
