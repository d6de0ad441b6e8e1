package present

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

// printUnasked writes what is missing in an answer, below it.
func printUnasked(out io.Writer, list []inventory.Unasked) error {
	p := newPrinter(out)
	for _, u := range list {
		p.Line("%s %s (%s)", terminal.Bad().Render("not known:"), u.What, u.Reason)
		p.Line("  %s", u.Message)
		if u.Hint != "" {
			p.Hint("  ", u.Hint)
		}
	}
	return p.Err
}
