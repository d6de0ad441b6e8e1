package controller

import (
	"fmt"
	"io"
	"strings"
)

// printDiagnosis writes a group's findings below its name.
func printDiagnosis(out io.Writer, d diagnosis) error {
	p := &printer{out: out}
	counts := map[level]int{}
	for _, f := range d.Findings {
		counts[f.Level]++
	}
	style := good
	switch d.Decision {
	case levelWarning:
		style = warn
	case levelFault:
		style = bad
	}
	p.line("%s  %s", style.Render(string(d.Decision)), tally(counts))
	group := ""
	for _, f := range d.Findings {
		if f.Group != group {
			group = f.Group
			p.line("%s", group)
		}
		glyph := mark(f.OK)
		if f.Level == levelWarning {
			glyph = warn.Render("!")
		}
		what := strings.ReplaceAll(f.What, "\n", "\n    ")
		if f.OK {
			what = faint.Render(what)
		}
		p.line("  %s %s: %s", glyph, f.Check, what)
		if f.Fix != "" {
			p.line("    fix: %s", strings.ReplaceAll(f.Fix, "\n", "\n    "))
		}
	}
	return p.err
}

func tally(counts map[level]int) string {
	return fmt.Sprintf("faults: %d, warnings: %d, well: %d", counts[levelFault], counts[levelWarning], counts[levelOK])
}
