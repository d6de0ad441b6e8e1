package controller

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
)

// printReconciliation writes a line for each service, and what to do about those
// that are not done.
func printReconciliation(out io.Writer, r deploy.Reconciliation) error {
	p := &printer{out: out}
	style := bad
	switch decisionCode(r.Decision) {
	case ExitOK:
		style = good
	case ExitBlocked, ExitDegraded:
		style = warn
	}
	p.line("%s  %s", style.Render(string(r.Decision)), r.Env)
	for _, one := range r.Services {
		switch {
		case one.Result == nil:
			p.field(one.Service, "%s", one.Outcome)
		case one.Result.Failure != nil:
			f := one.Result.Failure
			p.field(one.Service, "%s: %s (%s)", one.Outcome, indent(f.Message), f.Reason)
			p.field("", "next: %s", f.Next)
		default:
			p.field(one.Service, "%s", headline(*one.Result))
			p.gate(one.Result.Contract, one.Result.Decision == deploy.DecidedContract)
		}
	}
	return p.err
}

// printComparison writes a table of commits.
func printComparison(out io.Writer, c deploy.Comparison) error {
	var lines [][]string
	for _, d := range c.Services {
		note := d.Note
		if d.Older {
			note = "the wanted commit is older than the proven one"
		}
		lines = append(lines, []string{mark(d.Equal), d.Service, short(d.Wanted), short(d.Proven), short(d.Live), note})
	}
	return rows(out, []string{"", "SERVICE", "WANTED", "PROVEN", "LIVE", "NOTE"}, lines)
}

func short(commit string) string {
	if commit == "" {
		return "none"
	}
	return commit[:min(12, len(commit))]
}
