package ledger

import (
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Query is which receipts are wanted. The zero value wants all.
type Query struct {
	// Env is the zero value for any environment.
	Env artifact.Env
	// Since leaves out what ended before.
	Since time.Time
	// Outcomes are those that are wanted, none for all.
	Outcomes []Outcome
	// Limit is the most that is wanted, 0 for all.
	Limit int
}

// Of returns the receipts that are wanted, in their order.
func (q Query) Of(receipts []Receipt) (list []Receipt) {
	for _, r := range receipts {
		if q.Limit > 0 && len(list) == q.Limit {
			break
		}
		if (q.Env == 0 || r.Env == q.Env) && !r.Finished.Before(q.Since) && (len(q.Outcomes) == 0 || slices.Contains(q.Outcomes, r.Outcome)) {
			list = append(list, r)
		}
	}
	return list
}
