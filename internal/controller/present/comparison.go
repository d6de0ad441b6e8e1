package present

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

// Compared answers whether all is equal.
func Compared(c contract.Comparison) Answer {
	return NewAnswer(Incomplete(!c.Equal), c, printComparison)
}

// printComparison writes a table of commits.
func printComparison(out io.Writer, c contract.Comparison) error {
	var lines [][]string
	for _, d := range c.Services {
		lines = append(lines, []string{terminal.Mark(d.Equal), d.Service, short(d.Wanted), short(d.ProvenCommit()), live(d), d.Note})
	}
	return terminal.Table(out, []string{"", "SERVICE", "WANTED", "PROVEN", "LIVE", "NOTE"}, lines)
}

func live(d contract.Difference) string {
	if !d.Running.Known {
		return "not known"
	}
	return short(d.Running.Commit)
}
