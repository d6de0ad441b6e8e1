package present

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// ShownReceipt is what history show answers: a receipt, and the notice of its run.
type ShownReceipt struct {
	OK bool `json:"ok"`
	ledger.Receipt
	// Notice is nil if no process has sent one.
	Notice *notify.Claim `json:"notice,omitempty"`
}

// Receipt answers with a receipt whole. notice is the claim of its notice, nil for none.
func Receipt(r ledger.Receipt, notice *notify.Claim) Answer {
	return NewAnswer(ExitOK, ShownReceipt{true, r, notice}, printReceipt)
}

// printReceipt writes a receipt for people; JSON has all of it.
func printReceipt(out io.Writer, r ShownReceipt) error {
	p := newPrinter(out)
	style := terminal.Bad()
	switch r.Outcome {
	case ledger.Succeeded:
		style = terminal.Good()
	case ledger.Degraded:
		style = terminal.Warn()
	}
	p.Line("%s  %s %s %s%s", style.Render(string(r.Outcome)), r.Service, r.Env, r.Commit, terminal.Faint().Render(fmt.Sprintf("  %.1f s", r.Finished.Sub(r.Started).Seconds())))
	p.Field("receipt", "%s", r.ID)
	if r.Change != "" {
		p.Field("of change", "%s, of which a receipt was in force", r.Change)
	}
	p.Field("finished", "%s, by %s, with controller %s", plain.Stamp(r.Finished), r.Who, r.Controller)
	if r.Message != "" {
		p.Field("message", "%s", r.Message)
	}
	if r.Link != "" {
		p.Field("link", "%s", r.Link)
	}
	if r.Failure != "" {
		p.Field("because", "%s", r.Failure)
	}
	p.down(&r.Receipt)
	if len(r.Logs) > 0 {
		p.Verbatim("logs", strings.Join(r.Logs, "\n"))
	}
	p.Field("ran before", "%s", before(r.Before))
	p.Field("manifest", "%s", r.Image.Manifest)
	if named := r.Image.Named; !named.IsZero() {
		p.Field("named", "%s, by --digest", named)
	}
	p.Field("config", "%s", r.Image.Config)
	if r.ByReceipt != "" {
		p.Field("rests on", "receipt %s: the registry did not give the digests", r.ByReceipt)
	}
	if r.Provenance.Status != "" {
		p.Field("provenance", "%s, %s", origin(r.Provenance), r.Provenance.Detail)
	}
	p.grant(r.Grant)
	p.evidence(contract.Result{Evidence: r.Evidence})
	for _, d := range r.Disturbed {
		p.Field("disturbed", "%s %s", terminal.Warn().Render("!"), d)
	}
	p.Warnings(r.Warnings)
	if r.Notice != nil {
		p.Field("notice", "by the %s, %s", r.Notice.By, plain.Stamp(r.Notice.At))
		p.deliveries(r.Notice.Deliveries)
	}
	for i, s := range r.Steps {
		p.Field(map[bool]string{true: "steps"}[i == 0], "%6.1f s  %s", s.At.Sub(r.Started).Seconds(), plain.Label(s.Point))
	}
	if back, err := contract.ParseCommand(r.Rollback); err == nil && r.Outcome == ledger.Succeeded && back.Complete() {
		p.Typed("rollback", r.Rollback)
	}
	return p.Err
}

// down writes for how long the service did not answer as proven.
func (p *printer) down(r *ledger.Receipt) {
	if r != nil && r.DownSeconds > 0 {
		p.Field("down for", "%.1f s", r.DownSeconds)
	}
}

// before is what a deploy replaced.
func before(b workload.Before) string {
	if b.Basis == "" {
		return cmp.Or(b.Commit, "none")
	}
	return cmp.Or(b.Commit, "an image that names no commit")
}
