package present

import (
	"io"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// RegistryResult is what the commands answer that ask the registry's host.
// docs/output.md describes its JSON.
type RegistryResult struct {
	Host string `json:"host"`
	registry.Report
	// Changes and Steps are of an installation; Changes is nil for a question, and
	// for an installation that did not end.
	Changes *int                `json:"changes,omitempty"`
	Steps   []registry.Progress `json:"steps,omitempty"`
}

// Registry answers with a report of the registry.
func Registry(r RegistryResult) Answer {
	r.Report = r.Worded(remedy.Text)
	return answer(registryExit(r.Report), r, printRegistry)
}

// printRegistry writes a report for people.
func printRegistry(out io.Writer, r RegistryResult) error {
	p := &printer{out: out}
	style := bad()
	switch r.Decision {
	case registry.Healthy:
		style = good()
	case registry.ServiceDegraded, registry.Drifted, registry.NotInstalled:
		style = warn()
	}
	p.line("%s  registry on %s at %s%s", style.Render(string(r.Decision)), r.Host, r.Endpoint, changed(r.Changes))
	p.field("because", "%s", indent(r.Summary))
	if f := r.Failure; f != nil {
		p.field("failure", "%s (%s)", indent(f.Message), f.Reason)
		if f.Hint != "" {
			p.field("to mend", "%s", indent(f.Hint))
		}
	}
	for _, s := range r.Steps {
		if s.Kept != "" {
			p.field("kept", "%s", s.Kept)
		}
	}
	if r.Failure == nil {
		p.field("API usable", "%s", map[bool]string{true: "yes: pulls and pushes work", false: "no"}[r.RuntimeAPIHealthy])
		for _, c := range r.Checks {
			p.check(c)
		}
	}
	for _, w := range r.Warnings {
		p.field("warning", "%s", warn().Render(w))
	}
	for _, h := range r.Hints {
		p.field("ssh tells", "%s", h)
	}
	if r.Decision != registry.Healthy {
		p.field("says nothing of", "%s", strings.Join(r.DoesNotImply, ", "))
	}
	if r.Retryable {
		p.field("again?", "the same command may find it better without any change")
	}
	if r.Next != "" {
		p.field("next", "%s", r.Next)
	}
	return p.err
}

func (p *printer) check(c registry.Check) {
	if c.OK {
		p.field("check", "%s %s %s", mark(true), c.Name, faint().Render(c.Got))
		return
	}
	p.field("check", "%s %s is %s, want %s", mark(false), c.Name, c.Got, c.Want)
	p.field("", "  %s", c.Fix)
}

func changed(n *int) string {
	if n == nil {
		return ""
	}
	return ", " + plain.Count(*n, "change")
}
