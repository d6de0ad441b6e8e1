package overview

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
)

// Here returns how the live services of this machine stand to what was proven, and the
// questions that were not answered. It contacts no other host.
func Here(ctx context.Context, q Question) (all []Live, unasked []inventory.Unasked) {
	var looks []*inventory.Place
	for _, p := range inventory.Places(q.Rows, q.Env, q.Wired.Deployer.Workload) {
		if p.Workload.HostName == catalog.Master {
			looks = append(looks, p)
		}
	}
	places := q.begin(looks)
	inventory.LookAll(ctx, looks, nil)
	receipts, err := q.Wired.Parts.Ledger.History(0, "")
	if err != nil {
		unasked = append(unasked, *inventory.NotAsked("what was proven", err))
	}
	for _, p := range places {
		q.end(p, receipts, err)
		all = append(all, p.live())
	}
	return all, append(unasked, inventory.Unseen(looks)...)
}
