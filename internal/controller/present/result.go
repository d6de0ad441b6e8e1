package present

import (
	"fmt"
	"io"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Deployed answers with the result of a deploying command.
func Deployed(r contract.Result) Answer { return NewAnswer(exitCode(r), r, printResult) }

// Refusal is what a command answers that ends with an error. docs/output.md describes its JSON.
type Refusal struct {
	OK       bool              `json:"ok"`
	Decision contract.Decision `json:"decision"`
	Mutated  bool              `json:"mutated"`
	Changed  bool              `json:"changed"`
	Failure  *contract.Failure `json:"failure"`
	// Items is an empty list if the command lists things, else nil.
	Items []struct{} `json:"items,omitzero"`
}

// Refused answers with an error that no command made a result of; as text it is two
// lines for stderr. lists means that the command lists things.
func Refused(r contract.Result, lists bool) Answer {
	all := Refusal{OK: r.OK, Decision: r.Decision, Mutated: r.Mutated, Changed: r.Changed, Failure: r.Failure}
	if lists {
		all.Items = []struct{}{}
	}
	return NewAnswer(exitCode(r), all, printRefusal)
}

func printRefusal(out io.Writer, r Refusal) error {
	p := newPrinter(out)
	p.Line("%s %s (%s)", terminal.Bad().Render("error:"), r.Failure.Message, r.Failure.Reason)
	if r.Failure.Hint != "" {
		p.Hint("  ", r.Failure.Hint)
	}
	return p.Err
}

// printResult writes the result of a deploying command.
func printResult(out io.Writer, r contract.Result) error {
	p := newPrinter(out)
	p.Line("%s", headline(r))
	f := r.Failure
	if onlyGate(r) {
		f = nil // the gate has lines of its own
	}
	if f != nil {
		p.Field("failed at", "%s (%s)", plain.Label(f.Step), f.Reason)
		p.Field("because", "%s", f.Message)
		if len(f.Logs) > 0 {
			p.Verbatim("logs", strings.Join(f.Logs, "\n"))
		}
		if r.Mutated { // else the receipt is of an earlier deploy
			p.down(r.Receipt)
		}
	}
	if r.DryRun {
		p.contract(r.Contract)
	}
	if r.Plan != nil && (r.Decision == contract.DecidedReady || r.Decision == contract.DecidedBlocked || onlyGate(r)) {
		p.plan(*r.Plan, r.Contract)
		p.gate(r.Contract, false)
		p.grant(r.Contract.Grant)
	}
	if r.Plan != nil {
		p.byReceipt(*r.Plan)
		p.Field("provenance", "%s, %s", origin(r.Plan.Provenance), r.Plan.Provenance.Detail)
	}
	if r.Older {
		p.Field("going back", "%s was proven earlier than the commit that was proven last", r.Contract.Commit.Short())
	}
	p.evidence(r)
	shape := catalog.Shape("")
	if r.Contract != nil {
		shape = r.Contract.Shape
	}
	p.scope(r.Scope, shape)
	if r.Running.Text != "" {
		p.Field("running now", "%s", r.Running.Text)
	}
	if r.Bytes != nil {
		p.Field("transferred", "%s", crossed(r))
		p.layers(r)
	}
	if r.Receipt != nil {
		p.Field("receipt", "%s (%s)", r.Receipt.ID, r.Receipt.Outcome)
	}
	p.Warnings(r.Warnings)
	for i, hint := range r.Hints {
		p.Typed(fmt.Sprintf("hint %d", i+1), hint)
	}
	if f != nil {
		if f.Hint != "" {
			p.Typed("fix", f.Hint)
		}
		if f.Retry {
			p.Field("retry", "temporary: run the same command again")
		}
		p.Typed("next", f.Next)
	}
	if r.Plan != nil && !r.Plan.Next.IsZero() && (r.Decision == contract.DecidedReady || r.Decision == contract.DecidedStaged) {
		p.Typed("next", r.Plan.Next)
	}
	switch {
	case !r.OK && !r.DryRun && r.Decision != contract.DecidedDegraded || r.Rollback.IsZero():
	case !r.DryRun && !r.Rollback.Complete():
		p.Field("rollback", "nothing was proven before")
	default:
		p.Typed("rollback", r.Rollback)
	}
	return p.Err
}

// onlyGate reports whether the gate alone stands before what was looked at.
func onlyGate(r contract.Result) bool {
	return (r.DryRun || r.Plan != nil) && (r.Decision == contract.DecidedGated || r.Decision == contract.DecidedUnsupported) && r.Contract.Gate.Shut()
}

// ofDecision is the colour of what a command came to.
func ofDecision(r contract.Result) terminal.Style {
	switch {
	case r.OK:
		return terminal.Good()
	case decisionCode(r.Decision) == ExitDegraded || decisionCode(r.Decision) == ExitBlocked:
		return terminal.Warn()
	}
	return terminal.Bad()
}

func headline(r contract.Result) string {
	word := plain.Label(r.Decision)
	if r.Contract == nil && r.Decision == contract.DecidedUnchanged {
		word = "verified" // nothing was to be deployed
	}
	head := ofDecision(r).Render(word)
	switch {
	case r.Contract != nil:
		head += fmt.Sprintf("  %s %s %s", r.Contract.Service, r.Contract.Env, r.Contract.Commit)
	case r.Receipt != nil:
		head += fmt.Sprintf("  %s %s %s", r.Receipt.Service, r.Receipt.Env, r.Receipt.Commit)
	case r.Service != "":
		head += fmt.Sprintf("  %s %s", r.Service, r.Env)
	}
	if r.Seconds > 0 {
		head += terminal.Faint().Render(fmt.Sprintf("  %.1f s", r.Seconds))
	}
	return head
}
