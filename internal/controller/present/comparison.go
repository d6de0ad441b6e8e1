package present

import (
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

func (v view) live(d contract.Difference) string {
	if !d.Running.Known {
		return "not known"
	}
	return v.short(d.Running.Commit)
}
