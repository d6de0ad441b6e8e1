package setupanswer

import (
	"fmt"
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Diagnosed answers with a diagnosis.
func Diagnosed(d doctor.Diagnosis) present.Answer {
	return present.NewAnswer(diagnosisExit(d), d, printDiagnosis)
}

// printDiagnosis writes a group's findings below its name.
func printDiagnosis(out io.Writer, d doctor.Diagnosis) error {
	p := terminal.NewPrinter(out)
	counts := map[doctor.Level]int{}
	for _, f := range d.Findings {
		counts[f.Level]++
	}
	style := terminal.Good()
	switch d.Decision {
	case doctor.LevelWarning:
		style = terminal.Warn()
	case doctor.LevelFault:
		style = terminal.Bad()
	}
	p.Line("%s  %s", style.Render(string(d.Decision)), tally(counts))
	group := ""
	for _, f := range d.Findings {
		if f.Group != group {
			group = f.Group
			p.Line("%s", group)
		}
		glyph, check := terminal.Mark(f.OK), plain.Label(f.Check)
		if f.Level == doctor.LevelWarning {
			glyph = terminal.Warn().Render("!")
		}
		what := " " + f.What
		if f.OK {
			what = terminal.Faint().Render(what)
		}
		p.Beside("  "+glyph+" ", check+":"+what)
		if f.Fix != "" {
			p.Hint("    ", "fix: "+f.Fix)
		}
	}
	return p.Err
}

func tally(counts map[doctor.Level]int) string {
	return fmt.Sprintf("%s, %s, %d ok", plain.Count(counts[doctor.LevelFault], "fault"), plain.Count(counts[doctor.LevelWarning], "warning"), counts[doctor.LevelOK])
}

// diagnosisExit is what a diagnosis comes to as an exit code.
func diagnosisExit(d doctor.Diagnosis) int {
	switch d.Decision {
	case doctor.LevelOK:
		return present.ExitOK
	case doctor.LevelWarning:
		return present.ExitDegraded
	default:
		return present.ExitFailed
	}
}
