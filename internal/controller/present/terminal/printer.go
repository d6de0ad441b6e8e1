// Package terminal makes text fit a terminal: colours, fields, tables, notes, the progress
// of a deploy. Words of hosts, images and logs pass through it, so it lets none of them act
// on a terminal. It knows no answer.
package terminal

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
)

// Style is how a text looks.
type Style = lipgloss.Style

// Good is the style of what is as it should be.
func Good() Style { return lipgloss.NewStyle().Foreground(lipgloss.Green).Bold(true) }

// Warn is the style of what a person should look at.
func Warn() Style { return lipgloss.NewStyle().Foreground(lipgloss.Yellow).Bold(true) }

// Bad is the style of what failed.
func Bad() Style { return lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true) }

// Faint is the style of what matters less.
func Faint() Style { return lipgloss.NewStyle().Faint(true) }

// Head is the style of a table's first line.
func Head() Style { return lipgloss.NewStyle().Bold(true) }

// Normal is the style of what is like anything else.
func Normal() Style { return lipgloss.NewStyle() }

// Point is the style of a step that begins.
func Point() Style { return lipgloss.NewStyle().Foreground(lipgloss.Cyan) }

// Printer writes lines and fields for people.
type Printer struct {
	out   io.Writer
	width int // of a line, 0 for any
	// Err is the first error of writing; nothing is written after it.
	Err error
}

// NewPrinter returns a Printer that writes to out.
func NewPrinter(out io.Writer) *Printer { return &Printer{out: out, width: columns(out)} }

// Line writes a line.
func (p *Printer) Line(format string, args ...any) {
	if p.Err == nil {
		_, p.Err = lipgloss.Fprintf(p.out, format+"\n", args...)
	}
}

// Field writes a name and its value. The value stays as it is: it may be a line to type.
func (p *Printer) Field(name, format string, args ...any) {
	p.Line("  %-14s %s", name, Indent(fmt.Sprintf(format, args...)))
}

// Prose is Field for sentences: on a terminal they are folded under the name. Nothing in them is
// to type but what is in backticks.
func (p *Printer) Prose(name, format string, args ...any) {
	value := strings.ReplaceAll(fmt.Sprintf(format, args...), under, "\n")
	p.Field(name, "%s", fold(value, p.width-indent))
}

// Folded returns sentences that begin at a column and are folded under it on a terminal.
func (p *Printer) Folded(text string, column int) string {
	return strings.ReplaceAll(fold(text, p.width-column), "\n", "\n"+strings.Repeat(" ", column))
}

// Long is Prose for a sentence that is folded in a file, too.
func (p *Printer) Long(name, text string) {
	if p.width > 0 {
		p.Prose(name, "%s", text)
		return
	}
	p.Field(name, "%s", Wrap(text, 83))
}

// Warnings writes a field for each warning.
func (p *Printer) Warnings(list []string) {
	for _, w := range list {
		p.Field("warning", "%s %s", Warn().Render("!"), w)
	}
}

// Mark is the glyph of what holds, or does not.
func Mark(ok bool) string {
	if ok {
		return Good().Render("✓")
	}
	return Bad().Render("✗")
}

// indent is the column at which the value of a field begins.
const indent = 17

// under begins a further line of a value: so many blanks as indent has.
const under = "\n                 "

// Indent keeps the lines of a value under it, so that none passes for a field of its
// own; those that are there already stay.
func Indent(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, under, "\n"), "\n", under)
}

// Note writes what a person should know besides the answer, on stderr.
func Note(err io.Writer, text string) { lipgloss.Fprintln(err, Warn().Render("note:")+" "+text) }

// Aside writes a line of less weight than the answer, on stderr.
func Aside(err io.Writer, text string) { lipgloss.Fprintln(err, Faint().Render(text)) }
