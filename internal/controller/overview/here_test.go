package overview

import (
	"errors"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
)

// A run that has a service before the look or after it makes the look worth nothing.
func TestALookDuringARunIsNoState(t *testing.T) {
	t.Parallel()
	row := must(must(catalog.Builtin()).Row("frontend"))
	for name, c := range map[string]struct{ before, after bool }{
		"before": {before: true}, "after": {after: true}, "not at all": {},
	} {
		q := Question{Wired: &site.Wired{}}
		q.Wired.Parts.Ledger = ledger.Open(t.TempDir())
		lock := func() func() {
			return must(q.Wired.Parts.Ledger.Lock(artifact.Prod, "frontend", "we"))
		}
		looks := inventory.Places([]catalog.Row{row}, artifact.Prod, func(catalog.Row, artifact.Env) sight.Workload {
			return sight.Workload{HostName: catalog.Master, Host: pending{held: -time.Hour}}
		})
		unlock := func() {}
		if c.before {
			unlock = lock()
		}
		places := q.begin(looks)
		unlock()
		inventory.LookAll(t.Context(), looks, nil)
		if c.after {
			defer lock()()
		}
		q.end(places[0], nil, nil)
		if got, changing := places[0].live().State, c.before || c.after; (got == Changing) != changing {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A registry whose host is away holds nothing that is known.
func TestARegistryThatIsAwayHasNoShelf(t *testing.T) {
	t.Parallel()
	row := must(must(catalog.Builtin()).Row("frontend"))
	q := Question{Wired: &site.Wired{}, Published: 1}
	q.Wired.Config.RegistryHost, q.Wired.Config.State = "D601", t.TempDir()
	q.Wired.Parts.Ledger = ledger.Open(t.TempDir())
	looks := inventory.Places([]catalog.Row{row}, artifact.Prod, func(catalog.Row, artifact.Env) sight.Workload {
		return sight.Workload{HostName: catalog.Master, Host: pending{held: -time.Hour}}
	})
	s := nothing()
	q.ask(t.Context(), &s, looks, map[string]error{"D601": errors.New("away")})
	if s.Shelves != nil || s.Report != nil || s.Registry != nil || len(s.Services) != 1 {
		t.Errorf("%+v", s)
	}
}
