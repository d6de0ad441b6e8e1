package present

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
)

// PrintComparison writes a table of commits.
func PrintComparison(out io.Writer, c deploy.Comparison) error {
	var lines [][]string
	for _, d := range c.Services {
		lines = append(lines, []string{mark(d.Equal), d.Service, short(d.Wanted), short(d.Proven), live(d), d.Note})
	}
	return Rows(out, []string{"", "SERVICE", "WANTED", "PROVEN", "LIVE", "NOTE"}, lines)
}

func live(d deploy.Difference) string {
	if d.LiveUnknown {
		return "not known"
	}
	return short(d.Live)
}
