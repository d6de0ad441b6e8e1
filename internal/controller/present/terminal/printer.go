// Package terminal makes text fit a terminal: colours, fields, tables, notes, the progress
// of a deploy. Words of hosts, images and logs pass through it, so it lets none of them act
// on a terminal. It knows no answer.
package terminal

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
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

// Printer writes lines, fields and tables for people. On a terminal they are as wide as it is.
type Printer struct {
	out   io.Writer
	width int // of a line, 0 for any
	// Err is the first error of writing; nothing is written after it.
	Err error
}

// NewPrinter returns a Printer that writes to out.
func NewPrinter(out io.Writer) *Printer { return &Printer{out: out, width: columns(out)} }

// Unfitted returns a Printer whose lines are as long as their text.
func Unfitted(out io.Writer) *Printer { return &Printer{out: out} }

// Rest returns a text that stands behind so many columns. On a terminal it is cut at the end of
// the line, and ends with "…".
func (p *Printer) Rest(behind int, text string) string {
	if p.width == 0 {
		return text
	}
	return ansi.Truncate(text, max(least/2, p.width-behind), "…")
}

// Whole writes a line as it is.
func (p *Printer) Whole(format string, args ...any) {
	if p.Err == nil {
		_, p.Err = lipgloss.Fprintf(p.out, format+"\n", args...)
	}
}

// Line writes a line. On a terminal it is folded.
func (p *Printer) Line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	begin := text[:len(text)-len(strings.TrimLeft(text, " "))]
	p.hang(begin, max(len(begin), 2), text[len(begin):])
}

// Field writes a name and its value, whose further lines are under it.
func (p *Printer) Field(name, format string, args ...any) {
	p.Beside(fmt.Sprintf("  %-14s ", name), fmt.Sprintf(format, args...))
}

// Verbatim is Field for lines of another program or of a file, which are never folded.
func (p *Printer) Verbatim(name, text string) {
	p.Whole("  %-14s %s", name, strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 17)))
}

// Typed is Field for what a person types: on a terminal the words around a command are folded,
// and the command stays whole.
func (p *Printer) Typed(name string, text any) { p.Field(name, "%s", commands(fmt.Sprint(text))) }

// Beside writes a beginning and a text, whose further lines are under it, so that none passes
// for a beginning. On a terminal the text is folded.
func (p *Printer) Beside(begin, text string) { p.hang(begin, Width(begin), text) }

// Hint is Beside for what a person types, as Typed has it.
func (p *Printer) Hint(begin, text string) { p.Beside(begin, commands(text)) }

// hang writes a text behind a beginning, and its further lines at a column.
func (p *Printer) hang(begin string, column int, text string) {
	text = worded(p.out)(text) // which makes it longer
	p.Whole("%s", begin+strings.ReplaceAll(fold(text, p.width-column), "\n", "\n"+strings.Repeat(" ", column)))
}

// Warnings writes a field for each warning.
func (p *Printer) Warnings(list []string) {
	for _, w := range list {
		p.Typed("warning", Warn().Render("!")+" "+w)
	}
}

// Mark is the glyph of what holds, or does not.
func Mark(ok bool) string {
	if ok {
		return Good().Render("✓")
	}
	return Bad().Render("✗")
}

// Note writes what a person should know besides the answer, on stderr.
func Note(err io.Writer, text string) { NewPrinter(err).Line("%s %s", Warn().Render("note:"), text) }

// Aside writes a line of less weight than the answer, on stderr.
func Aside(err io.Writer, text string) { NewPrinter(err).Line("%s", Faint().Render(text)) }
