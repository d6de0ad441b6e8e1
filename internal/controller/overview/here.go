package overview

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
)

// Here is [Ask] that contacts no other host: a service that lives elsewhere is [NotAsked],
// with what was proven last. The status has no host and no registry.
func Here(ctx context.Context, q Question) Status {
	s := nothing()
	looks := inventory.Places(q.Rows, q.Env, q.Wired.Deployer.Workload)
	places := q.begin(looks)
	var here []*inventory.Place
	for _, p := range places {
		if p.notAsked = p.Workload.HostName != catalog.Master; !p.notAsked {
			here = append(here, p.Place)
		}
	}
	inventory.LookAll(ctx, here, nil)
	s.Unasked = append(s.Unasked, inventory.Unseen(here)...)
	q.judge(&s, places, nil)
	return s
}
