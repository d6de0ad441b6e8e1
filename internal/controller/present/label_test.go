package present

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A value of the JSON that is no plain word is a plain word in each text.
func TestATextHasTheWordsForPeople(t *testing.T) {
	t.Parallel()
	failed := contract.Result{Decision: contract.DecidedUnsettled, Failure: &contract.Failure{Step: workload.PointSettle}}
	for name, c := range map[string]struct {
		print func(io.Writer) error
		want  []string
	}{
		"a result": {func(out io.Writer) error { return printResult(out, failed) }, []string{"unconfirmed\n", "failed at      confirm ("}},
		"verify": {func(out io.Writer) error {
			return printResult(out, contract.Result{OK: true, Decision: contract.DecidedUnchanged})
		}, []string{"verified\n"}},
		"no deploy": {func(out io.Writer) error {
			return printResult(out, contract.Result{OK: true, Decision: contract.DecidedUnchanged, Contract: &contract.Contract{}})
		}, []string{"unchanged  "}},
		"a receipt": {func(out io.Writer) error {
			return printReceipt(out, ShownReceipt{Receipt: ledger.Receipt{Steps: []ledger.Step{{Point: workload.PointPending}}}})
		}, []string{" s  receipt\n"}},
		"a candidate": {func(out io.Writer) error {
			return printRollback(out, inventory.RollbackOptions{Candidates: []inventory.Candidate{{Standing: ledger.RolledBack}}})
		}, []string{"stands         reverted\n"}},
		"a plan": {func(out io.Writer) error {
			p := newPrinter(out)
			p.plan(contract.Plan{Standing: ledger.RolledBack}, &contract.Contract{})
			return p.Err
		}, []string{"stands         reverted\n"}},
		"many": {func(out io.Writer) error {
			one := contract.Reconciled{Service: "web", Result: &contract.Result{Decision: contract.DecidedUnsettled, Contract: &contract.Contract{}}}
			return printReconciliation(out, contract.Reconciliation{Decision: contract.DecidedUnsettled, Services: []contract.Reconciled{one}})
		}, []string{"unconfirmed  \n", "web            unconfirmed  "}},
		"attempts": {func(out io.Writer) error {
			return printAttempts(narrow(out), []inventory.Attempt{{Outcome: string(contract.DecidedUnsettled), State: journal.Ended}, {Outcome: string(contract.DecidedUnsettled), State: journal.Ended, Reason: "STALLED"}, {State: journal.Killed, Point: workload.PointBefore}})
		}, []string{"unconfirmed  ", "unconfirmed (STALLED)", "killed at snapshot"}},
		"lines": {func(out io.Writer) error {
			if err := PrintLine(out, journal.Line{Point: workload.PointSettle, Text: "kept"}); err != nil {
				return err
			}
			return PrintLine(out, journal.Line{End: &journal.End{Outcome: string(contract.DecidedUnsettled)}})
		}, []string{"  confirm    kept\n", "  end        unconfirmed\n"}},
		"status": {func(out io.Writer) error {
			return printStatus(narrow(out), overview.Status{Runs: []journal.Going{{ID: "1", Point: workload.PointPending, Text: "saved"}}})
		}, []string{": receipt saved"}},
	} {
		var out bytes.Buffer
		if err := c.print(&out); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s does not have %q:\n%s", name, want, out.String())
			}
		}
	}
}
