package present

import (
	"cmp"
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// History answers with the receipts of past deploys.
func History(list []inventory.Past) Answer {
	return viewedList(list, false, printHistory)
}

// printHistory writes two lines for each receipt: what became of what, when and by whom; and
// its id, how its commit stands, and why it was made or else the commit's subject.
func printHistory(v view, list []inventory.Past) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(v.out, "no receipt: a deploy writes one when it is proven or reverted")
		return err
	}
	cells := [][]string{{"OUTCOME", "SERVICE", "ENV", "COMMIT", "WHEN", "WHO"}, {"  RECEIPT", "STANDING", "MESSAGE"}}
	for _, r := range list {
		cells = append(cells,
			[]string{string(r.Outcome), r.Service.String(), r.Env.String(), v.commit(r.Commit), v.ago(r.Finished), r.Who},
			[]string{"  " + r.ID, plain.Label(r.Standing), cmp.Or(r.Message, r.Subject)})
	}
	return v.couples(cells)
}
