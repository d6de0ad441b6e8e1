package present

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Receipts answers with the receipts of past deploys.
func Receipts(list []ledger.Receipt) Answer {
	return answer(ExitOK, append([]ledger.Receipt{}, list...), printReceipts)
}

func printReceipts(out io.Writer, list []ledger.Receipt) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "no receipt yet: a deploy writes one when it is proven or taken back")
		return err
	}
	var lines [][]string
	for _, r := range list {
		lines = append(lines, []string{
			r.ID, r.Service.String(), r.Env.String(), r.Commit.Short(), string(r.Outcome),
			plain.Size(r.Bytes.Received), fmt.Sprintf("%.1f s", r.Finished.Sub(r.Started).Seconds()), r.Who,
		})
	}
	return rows(out, []string{"RECEIPT", "SERVICE", "ENV", "COMMIT", "OUTCOME", "CROSSED", "TOOK", "WHO"}, lines)
}

// Receipt answers with one receipt whole.
func Receipt(r ledger.Receipt) Answer { return answer(ExitOK, r, printReceipt) }

// printReceipt writes a receipt for people; JSON has all of it.
func printReceipt(out io.Writer, r ledger.Receipt) error {
	p := &printer{out: out}
	style := bad()
	switch r.Outcome {
	case ledger.Succeeded:
		style = good()
	case ledger.Degraded:
		style = warn()
	}
	p.line("%s  %s %s %s%s", style.Render(string(r.Outcome)), r.Service, r.Env, r.Commit, faint().Render(fmt.Sprintf("  %.1f s", r.Finished.Sub(r.Started).Seconds())))
	p.field("receipt", "%s", r.ID)
	if r.Change != "" {
		p.field("of change", "%s, of which a receipt was in force", r.Change)
	}
	p.field("finished", "%s, by %s, with controller %s", r.Finished.Format(time.DateTime+"Z07:00"), r.Who, r.Controller)
	if r.Failure != "" {
		p.field("because", "%s", indent(r.Failure))
	}
	p.field("ran before", "%s", before(r.Before))
	p.field("manifest", "%s", r.Image.Manifest)
	if named := r.Image.Named; !named.IsZero() {
		p.field("named", "%s, by --digest", named)
	}
	p.field("config", "%s", r.Image.Config)
	if r.ByReceipt != "" {
		p.field("rests on", "receipt %s: the registry did not give the digests", r.ByReceipt)
	}
	if r.Provenance.Status != "" {
		p.field("provenance", "%s, %s", origin(r.Provenance), indent(r.Provenance.Detail))
	}
	p.grant(r.Grant)
	p.evidence(contract.Result{Evidence: r.Evidence})
	for _, d := range r.Disturbed {
		p.field("disturbed", "%s %s", warn().Render("!"), d)
	}
	p.warnings(r.Warnings)
	for i, s := range r.Steps {
		p.field(map[bool]string{true: "steps"}[i == 0], "%6.1f s  %s", s.At.Sub(r.Started).Seconds(), s.Point)
	}
	if back, err := contract.ParseCommand(r.Rollback); err == nil && r.Outcome == ledger.Succeeded && back.Complete() {
		p.field("to go back", "%s", r.Rollback)
	}
	return p.err
}

// before is what a deploy replaced.
func before(b workload.Before) string {
	if b.Basis == "" {
		return cmp.Or(b.Commit, "none")
	}
	return cmp.Or(b.Commit, "an image that names no commit")
}
