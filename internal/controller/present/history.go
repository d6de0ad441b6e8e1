package present

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// History answers with the receipts of past deploys.
func History(list []inventory.Past) Answer {
	return NewList(list, false, func(out io.Writer, list []inventory.Past) error {
		return printHistory(out, list, time.Now())
	})
}

// printHistory writes two lines for each receipt: what became of what, when and by whom; and
// its id, how its commit stands, and why it was made or else the commit's subject.
func printHistory(out io.Writer, list []inventory.Past, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "no receipt: a deploy writes one when it is proven or reverted")
		return err
	}
	cells := [][]string{{"OUTCOME", "SERVICE", "ENV", "COMMIT", "WHEN", "WHO"}, {"  RECEIPT", "STANDING", "MESSAGE"}}
	for _, r := range list {
		cells = append(cells,
			[]string{string(r.Outcome), r.Service.String(), r.Env.String(), r.Commit.Short(), plain.Ago(now, r.Finished), r.Who},
			[]string{"  " + r.ID, string(r.Standing), cmp.Or(r.Message, r.Subject)})
	}
	return terminal.Couples(out, cells)
}
