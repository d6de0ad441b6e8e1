package terminal

import (
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/x/ansi"
)

// Width is the number of columns that a line takes.
func Width(s string) int { return ansi.StringWidth(s) }

// Cut is the beginning of a line that takes no more than so many columns; what was cut off
// is shown as "…".
func Cut(s string, width int) string { return ansi.Truncate(s, width, "…") }

// CoupleWidth is the most columns that a line of [Couples] takes, whatever its values are,
// unless it is wide.
const CoupleWidth = 80

// Couples writes rows of two lines each, of which the first row is the head. rows has the
// lines in their order, and each line at most six cells. Lines that are wide are not cut.
func Couples(out io.Writer, rows [][]string, wide bool) error {
	widths := [2][6]int{}
	for i, row := range rows {
		for k, cell := range row {
			widths[i%2][k] = max(widths[i%2][k], Width(cell))
		}
	}
	p := NewPrinter(out)
	for i, row := range rows {
		line := ""
		for k, cell := range row {
			line += cell + strings.Repeat(" ", widths[i%2][k]-Width(cell)+2)
		}
		style := Faint()
		if i%2 == 0 {
			style = Normal()
		}
		if i < 2 {
			style = Head()
		}
		if line = strings.TrimRight(line, " "); !wide {
			line = Cut(line, CoupleWidth)
		}
		p.Line("%s", style.Render(line))
	}
	return p.Err
}

// Table writes a table.
func Table(out io.Writer, head []string, lines [][]string) error {
	t := table.New().Headers(head...).Rows(lines...).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderHeader(false).BorderColumn(false).
		StyleFunc(func(row, _ int) lipgloss.Style {
			return lipgloss.NewStyle().Bold(row == table.HeaderRow).PaddingRight(2)
		})
	for line := range strings.Lines(t.Render()) {
		if _, err := lipgloss.Fprintln(out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}
