package present

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
)

// PrintUnasked writes what is missing in an answer, below it.
func PrintUnasked(out io.Writer, list []inventory.Unasked) error {
	p := &printer{out: out}
	for _, u := range list {
		p.line("%s %s (%s)", Bad.Render("not known:"), u.What, u.Reason)
		p.line("  %s", u.Message)
		if u.Hint != "" {
			p.line("  %s", u.Hint)
		}
	}
	return p.err
}
