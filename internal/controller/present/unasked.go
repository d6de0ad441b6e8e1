package present

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
)

// printUnasked writes what is missing in an answer, below it.
func printUnasked(out io.Writer, list []inventory.Unasked) error {
	p := &printer{out: out}
	for _, u := range list {
		p.line("%s %s (%s)", bad().Render("not known:"), u.What, u.Reason)
		p.line("  %s", u.Message)
		if u.Hint != "" {
			p.line("  %s", u.Hint)
		}
	}
	return p.err
}
