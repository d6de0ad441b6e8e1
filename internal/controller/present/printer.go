// Package present shows answers: as text for a person, with colours, tables and a
// progress bar, as JSON for a script, and as an exit code for both. Words of hosts,
// images and logs pass through it, so it lets none of them act on a terminal.
package present

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
)

func good() lipgloss.Style  { return lipgloss.NewStyle().Foreground(lipgloss.Green).Bold(true) }
func warn() lipgloss.Style  { return lipgloss.NewStyle().Foreground(lipgloss.Yellow).Bold(true) }
func bad() lipgloss.Style   { return lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true) }
func faint() lipgloss.Style { return lipgloss.NewStyle().Faint(true) }
func point() lipgloss.Style { return lipgloss.NewStyle().Foreground(lipgloss.Cyan) }

// printer writes a result for people.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = lipgloss.Fprintf(p.out, format+"\n", args...)
	}
}

func (p *printer) field(name, format string, args ...any) {
	p.line("  %-14s %s", name, indent(fmt.Sprintf(format, args...)))
}

func (p *printer) warnings(list []string) {
	for _, w := range list {
		p.field("warning", "%s %s", warn().Render("!"), w)
	}
}

func mark(ok bool) string {
	if ok {
		return good().Render("✓")
	}
	return bad().Render("✗")
}

// indent keeps the lines of a value under it, so that none passes for a field of its
// own; those that are there already stay.
func indent(s string) string {
	under := "\n" + strings.Repeat(" ", 17)
	return strings.ReplaceAll(strings.ReplaceAll(s, under, "\n"), "\n", under)
}

// wrapped breaks a sentence into lines that fit beside a field's name.
func wrapped(s string) string { return lipgloss.Wrap(s, 83, "") }
