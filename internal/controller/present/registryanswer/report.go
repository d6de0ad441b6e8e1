// Package registryanswer shows what the commands about the managed registry answer: its
// report, its plan, its rendered files, the steps of its installation.
package registryanswer

import (
	"io"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// Result is what the commands answer that ask the registry's host.
// docs/output.md describes its JSON.
type Result struct {
	Host string `json:"host"`
	registry.Report
	// Changes and Steps are of an installation; Changes is nil for a question, and
	// for an installation that did not end.
	Changes *int                `json:"changes,omitempty"`
	Steps   []registry.Progress `json:"steps,omitempty"`
}

// Report answers with a report of the registry.
func Report(r Result) present.Answer {
	r.Report = r.Worded(remedy.Text)
	return present.NewAnswer(exitCode(r.Report), r, printReport)
}

// printReport writes a report for people.
func printReport(out io.Writer, r Result) error {
	p := terminal.NewPrinter(out)
	style := terminal.Bad()
	switch r.Decision {
	case registry.Healthy:
		style = terminal.Good()
	case registry.ServiceDegraded, registry.Drifted, registry.NotInstalled:
		style = terminal.Warn()
	}
	p.Line("%s  registry on %s at %s%s", style.Render(string(r.Decision)), r.Host, r.Endpoint, changed(r.Changes))
	p.Typed("because", r.Summary)
	if f := r.Failure; f != nil {
		p.Field("failure", "%s (%s)", f.Message, f.Reason)
		if f.Hint != "" && f.Hint != r.Next {
			p.Typed("fix", f.Hint)
		}
	}
	for _, s := range r.Steps {
		if s.Kept != "" {
			p.Field("kept", "%s", s.Kept)
		}
	}
	if r.Failure == nil {
		p.Field("API usable", "%s", map[bool]string{true: "yes: pulls and pushes work", false: "no"}[r.RuntimeAPIHealthy])
		for _, c := range r.Checks {
			printCheck(p, c)
		}
	}
	for _, w := range r.Warnings {
		p.Typed("warning", terminal.Warn().Render(w))
	}
	for _, h := range r.Hints {
		p.Field("ssh tells", "%s", h)
	}
	if r.Decision != registry.Healthy {
		p.Field("not covered", "%s", strings.Join(r.DoesNotImply, ", "))
	}
	if r.Retryable {
		p.Field("retry", "temporary: run the same command again")
	}
	if r.Next != "" {
		p.Typed("next", r.Next)
	}
	return p.Err
}

func printCheck(p *terminal.Printer, c registry.Check) {
	if c.OK {
		p.Field("check", "%s %s %s", terminal.Mark(true), c.Name, terminal.Faint().Render(c.Got))
		return
	}
	p.Field("check", "%s %s is %s, want %s", terminal.Mark(false), c.Name, c.Got, c.Want)
	p.Typed("", c.Fix)
}

func changed(n *int) string {
	if n == nil {
		return ""
	}
	return ", " + plain.Count(*n, "change")
}

// exitCode is what a report comes to as an exit code.
func exitCode(r registry.Report) int {
	switch {
	case r.OK:
		return present.ExitOK
	case r.Decision == registry.ServiceDegraded, r.Decision == registry.Drifted:
		return present.ExitDegraded
	default:
		return present.ExitFailed
	}
}
