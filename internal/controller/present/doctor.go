package present

import (
	"fmt"
	"io"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
)

// Diagnosed answers with a diagnosis.
func Diagnosed(d doctor.Diagnosis) Answer { return answer(diagnosisExit(d), d, printDiagnosis) }

// printDiagnosis writes a group's findings below its name.
func printDiagnosis(out io.Writer, d doctor.Diagnosis) error {
	p := &printer{out: out}
	counts := map[doctor.Level]int{}
	for _, f := range d.Findings {
		counts[f.Level]++
	}
	style := good()
	switch d.Decision {
	case doctor.LevelWarning:
		style = warn()
	case doctor.LevelFault:
		style = bad()
	}
	p.line("%s  %s", style.Render(string(d.Decision)), tally(counts))
	group := ""
	for _, f := range d.Findings {
		if f.Group != group {
			group = f.Group
			p.line("%s", group)
		}
		glyph := mark(f.OK)
		if f.Level == doctor.LevelWarning {
			glyph = warn().Render("!")
		}
		what := strings.ReplaceAll(f.What, "\n", "\n    ")
		if f.OK {
			what = faint().Render(what)
		}
		p.line("  %s %s: %s", glyph, f.Check, what)
		if f.Fix != "" {
			p.line("    fix: %s", strings.ReplaceAll(f.Fix, "\n", "\n    "))
		}
	}
	return p.err
}

func tally(counts map[doctor.Level]int) string {
	return fmt.Sprintf("faults: %d, warnings: %d, well: %d", counts[doctor.LevelFault], counts[doctor.LevelWarning], counts[doctor.LevelOK])
}
