package overview

import (
	"cmp"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// place is a place that was looked at, and what is known of it beside.
type place struct {
	*inventory.Place
	shelf inventory.Shelf
	// holder names the run that has the service, "" for none.
	holder string
	last   *ledger.Receipt
	// receipts are those of the place, newest first.
	receipts []ledger.Receipt
	// unread is why the receipts are not known.
	unread error
	wanted string
	// notAsked means that its host was not asked, on purpose.
	notAsked bool
}

// elsewhere is the run of another ledger that holds a pending change, "" for none: its host
// has the lease of that run, and no run of this ledger made the change.
func (p *place) elsewhere(l *ledger.Ledger) string {
	if p.Seen.Leased() && !l.Claimed(p.Env, p.Row.Service.String(), p.Seen.Pending.Change.ID) {
		return p.Seen.Pending.Change.Holder
	}
	return ""
}

// recall finds the receipts of the place, and the newest whose version was kept.
func (p *place) recall(receipts []ledger.Receipt, unread error) {
	p.unread = unread
	for _, r := range receipts {
		if r.Service == p.Row.Service && r.Env == p.Env {
			p.receipts = append(p.receipts, r)
		}
	}
	if i := slices.IndexFunc(p.receipts, ledger.Receipt.Kept); i >= 0 {
		p.last = &p.receipts[i]
	}
}

// rolledBack reports whether the last proof of a published image failed here.
func (p *place) rolledBack(one inventory.Published) bool {
	return ledger.StandingOf(p.receipts, p.Env, one.Commit, one.Digest) == ledger.RolledBack
}

// live returns what was learned.
func (p *place) live() Live {
	l := Live{
		Service: p.Row.Service.String(), Env: p.Env, Host: p.Workload.HostName, Wanted: p.wanted,
		State: stateOf(p.holder != "", p.Seen.Observation, cmp.Or(p.Err, p.unread), p.last),
	}
	if p.last != nil {
		l.Proven = p.last.Brief()
	}
	if p.notAsked {
		if p.holder == "" {
			l.State = NotAsked
		}
		l.Running = workload.NotKnown(l.Host, "not asked")
		return l
	}
	if l.Running = p.Running(); slices.Contains([]State{Proven, Degraded, Down, Drifted, Unproven}, l.State) {
		l.Running = l.Running.As(l.State == Proven)
	}
	l.Newer = newer(p.shelf, l.Running.Commit, p.rolledBack)
	return l
}
