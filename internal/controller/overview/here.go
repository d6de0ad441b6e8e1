package overview

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// Notice returns the notice of a service that is down or drifted.
func (l Live) Notice(now time.Time) notify.Notice {
	commit := artifact.Commit{}
	if l.Proven != nil {
		commit = l.Proven.Commit
	}
	service, _ := artifact.ParseServiceID(l.Service) // it is a row of the catalog
	return notify.Drift(service, l.Env, commit, l.Seen, now)
}

// Here returns how the live services of this machine stand to what was proven, and the
// questions that were not answered. It contacts no other host.
func Here(ctx context.Context, q Question) (all []Live, unasked []inventory.Unasked) {
	var looks []*inventory.Place
	for _, p := range inventory.Places(q.Rows, q.Env, q.Wired.Deployer.Workload) {
		if p.Workload.HostName == catalog.Master {
			looks = append(looks, p)
		}
	}
	inventory.LookAll(ctx, looks, nil)
	receipts, err := q.Wired.Parts.Ledger.History(0, "")
	if err != nil {
		unasked = append(unasked, *inventory.NotAsked("what was proven", err))
	}
	for _, look := range looks {
		p := &place{Place: look, holder: q.holder(look)}
		p.recall(receipts, err)
		all = append(all, p.live())
	}
	return all, append(unasked, inventory.Unseen(looks)...)
}
