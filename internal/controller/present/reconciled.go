package present

import (
	"fmt"
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Reconciled answers with what came of all services of an environment.
func Reconciled(r contract.Reconciliation) Answer {
	return NewAnswer(decisionCode(r.Decision), r, printReconciliation)
}

// printReconciliation writes a line for each service, and what to do about those
// that are not done.
func printReconciliation(out io.Writer, r contract.Reconciliation) error {
	p := newPrinter(out)
	style := terminal.Bad()
	switch decisionCode(r.Decision) {
	case ExitOK:
		style = terminal.Good()
	case ExitBlocked, ExitDegraded:
		style = terminal.Warn()
	}
	p.Line("%s  %s", style.Render(plain.Label(r.Decision)), r.Env)
	for _, one := range r.Services {
		switch {
		case one.Result == nil:
			p.Field(one.Service, "%s", one.Outcome)
		case one.Result.Failure != nil:
			f := one.Result.Failure
			p.Field(one.Service, "%s: %s (%s)", one.Outcome, f.Message, f.Reason)
			p.Typed("", fmt.Sprint("next: ", f.Next))
		default:
			p.Field(one.Service, "%s", inARow(*one.Result))
		}
	}
	return p.Err
}

// inARow is what came of one service, beside its name.
func inARow(r contract.Result) string {
	c := r.Contract
	if c == nil {
		return headline(r)
	}
	what := c.Commit.Short()
	if plan := r.Plan; plan != nil && r.Decision == contract.DecidedReady {
		switch {
		case plan.AlreadyLive:
			what += " runs already: nothing would change"
		case plan.Unseen != "":
			what += " is published as it should be; what runs was not looked at"
		case plan.Live == nil:
			what += " would be the first to run"
		default:
			runs := "an image that names no commit"
			if plan.Live.Commit != "" {
				runs = short(plan.Live.Commit)
			}
			what = fmt.Sprintf("would change %s to %s", runs, what)
		}
	}
	if r.Seconds > 0 {
		what += terminal.Faint().Render(fmt.Sprintf("  %.1f s", r.Seconds))
	}
	return ofDecision(r).Render(plain.Label(r.Decision)) + "  " + what
}

func short(commit string) string {
	if commit == "" {
		return "none"
	}
	return commit[:min(12, len(commit))]
}
