package terminal

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// Width is the number of columns that a line takes.
func Width(s string) int { return ansi.StringWidth(s) }

// gap is between two columns of a table, and before what stands below a row.
const gap = "  "

// Couples writes rows of two lines each, of which the first row is the head. rows has the
// lines in their order, and each line at most six cells. On a terminal a line that is too long
// is cut, and ends with "…".
func (p *Printer) Couples(rows [][]string) {
	widths := [2][6]int{}
	for i, row := range rows {
		for k, cell := range row {
			widths[i%2][k] = max(widths[i%2][k], Width(cell))
		}
	}
	for i, row := range rows {
		line := ""
		for k, cell := range row {
			line += cell + strings.Repeat(" ", widths[i%2][k]-Width(cell)) + gap
		}
		style := Faint()
		if i%2 == 0 {
			style = Normal()
		}
		if i < 2 {
			style = Head()
		}
		p.Whole("%s", style.Render(p.Rest(0, strings.TrimRight(line, " "))))
	}
}

// Table writes a table, and below each of its lines the notes of that line. Of a table that is
// too wide for the terminal the columns that do not fit stand below their line, and the last
// column is folded. Nothing is cut.
func (p *Printer) Table(head []string, lines [][]string, notes ...[]string) {
	rows := append([][]string{head}, lines...)
	parts := p.parts(rows)
	for i, row := range rows {
		style := Normal()
		if i == 0 {
			style = Head()
		}
		for k, part := range parts {
			if i > 0 && k > 0 {
				style = Faint()
			}
			for _, line := range part.lines(row) {
				if k == 0 || line != "" {
					p.Whole("%s", style.Render(line))
				}
			}
		}
		if i > 0 && i <= len(notes) {
			for _, note := range notes[i-1] {
				p.Line(gap+"%s", note)
			}
		}
	}
}

// part is columns of a table that are beside each other.
type part struct {
	begin  string
	first  int
	widths []int
	room   int // of the last column, 0 for any
}

// parts returns the columns of a table in parts that fit the terminal.
func (p *Printer) parts(rows [][]string) []part {
	parts, used := []part{{}}, 0
	for k := range rows[0] {
		width, word := 0, 0
		for _, row := range rows {
			width = max(width, lipgloss.Width(row[k]))
			for _, one := range strings.Fields(row[k]) {
				word = max(word, Width(one))
			}
		}
		last := &parts[len(parts)-1]
		if room := p.width - used; p.width > 0 && width > room {
			folds := k == len(rows[0])-1 && room >= max(word, least)
			if !folds && len(last.widths) > 0 {
				parts, used = append(parts, part{begin: gap, first: k}), len(gap)
				last = &parts[len(parts)-1]
			}
			last.room = p.width - used
			width = min(width, max(word, last.room))
		}
		last.widths, used = append(last.widths, width), used+width+len(gap)
	}
	return parts
}

// lines returns the cells of a row that are in the part, as lines.
func (t part) lines(row []string) []string {
	cells := []string{t.begin}
	for k, width := range t.widths {
		cell := row[t.first+k]
		if k == len(t.widths)-1 {
			cell = fold(cell, t.room)
		}
		cells = append(cells, Normal().Width(width+len(gap)).Render(cell))
	}
	lines := strings.Split(lipgloss.JoinHorizontal(lipgloss.Top, cells...), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}
