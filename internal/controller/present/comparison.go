package present

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

// Compared answers whether all is equal.
func Compared(c contract.Comparison) Answer {
	return viewed(Incomplete(!c.Equal), c, printComparison)
}

// printComparison writes a table of commits.
func printComparison(v view, c contract.Comparison) error {
	var lines [][]string
	for _, d := range c.Services {
		lines = append(lines, []string{terminal.Mark(d.Equal), d.Service, v.short(d.Wanted), v.short(d.ProvenCommit()), v.live(d), d.Note})
	}
	p := v.printer()
	p.Table([]string{"", "SERVICE", "WANTED", "PROVEN", "LIVE", "NOTE"}, lines)
	return p.Err
}

// Changes writes what would change in an environment, for the question whether it may.
func Changes(out io.Writer, form string, env artifact.Env, all []contract.Difference) error {
	v := view{out: out, wide: form == Wide}
	p := v.printer()
	var lines, notes [][]string
	for _, d := range all {
		lines = append(lines, []string{d.Service, env.String(), v.live(d) + " -> " + v.short(d.Wanted)})
		var note []string
		if d.Older {
			note = []string{d.Note}
		}
		notes = append(notes, note)
	}
	p.Table([]string{"SERVICE", "ENV", "RUNS -> WANTED"}, lines, notes...)
	return p.Err
}

func (v view) live(d contract.Difference) string {
	if !d.Running.Known {
		return "not known"
	}
	return v.short(d.Running.Commit)
}
