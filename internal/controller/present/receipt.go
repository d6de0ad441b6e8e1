package present

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// PrintReceipt writes a receipt for people; JSON has all of it.
func PrintReceipt(out io.Writer, r ledger.Receipt) error {
	p := &printer{out: out}
	style := Bad
	switch r.Outcome {
	case ledger.Succeeded:
		style = good
	case ledger.Degraded:
		style = Warn
	}
	p.line("%s  %s %s %s%s", style.Render(string(r.Outcome)), r.Service, r.Env, r.Commit, Faint.Render(fmt.Sprintf("  %.1f s", r.Finished.Sub(r.Started).Seconds())))
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
	p.evidence(deploy.Result{Evidence: r.Evidence})
	for _, d := range r.Disturbed {
		p.field("disturbed", "%s %s", Warn.Render("!"), d)
	}
	for i, s := range r.Steps {
		p.field(map[bool]string{true: "steps"}[i == 0], "%6.1f s  %s", s.At.Sub(r.Started).Seconds(), s.Point)
	}
	if r.Outcome == ledger.Succeeded && r.Rollback != "" && !strings.Contains(r.Rollback, deploy.PreviousPlaceholder) {
		p.field("to go back", "%s", r.Rollback)
	}
	return p.err
}
