package overview

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
)

// place is a service where an environment brings it live, and what was learned of it.
type place struct {
	row      catalog.Row
	env      artifact.Env
	workload sight.Workload
	seen     sight.View
	err      error // why it was not seen
	unplaced bool  // its host does not have it
	shelf    *inventory.Shelf
	holder   string // of the run that goes on
	last     *ledger.Receipt
	wanted   string
}

// live returns what was learned.
func (p *place) live() Live {
	l := Live{
		Service: p.row.Service.String(), Env: p.env, Host: p.workload.HostName, Wanted: p.wanted,
		State: stateOf(p.holder != "", p.seen.Observation, p.err, p.last),
	}
	if p.last != nil {
		l.Proven = &Receipt{p.last.ID, p.last.Commit, p.last.Finished, p.last.Who}
	}
	switch {
	case p.unplaced:
		l.Seen = "not placed on " + l.Host
	case p.err == nil:
		l.Commit, l.Seen = p.seen.Commit(), p.workload.Describe(p.seen)
		l.Newer = newer(*p.shelf, l.Commit)
	}
	return l
}
