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
