package overview

import (
	"context"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// pending is a host with a change that is not confirmed.
type pending struct {
	workload.Target
	held time.Duration // from now
}

func (p pending) Observe(context.Context, workload.Ref, bool) (workload.Observation, error) {
	now := time.Now()
	return workload.Observation{At: now, Pending: &workload.Pending{
		Change: workload.Change{ID: "theirs", Holder: "ci on another master"}, HeldUntil: now.Add(p.held),
	}}, nil
}

// A change whose run lives is that run's, on another master, too. A run of this ledger that
// has no lock any more was killed.
func TestARunOfAnotherMasterGoesOn(t *testing.T) {
	t.Parallel()
	row := must(must(catalog.Builtin()).Row("frontend"))
	for name, c := range map[string]struct {
		held    time.Duration
		claimed string
		want    string
	}{
		"its lease lives":   {held: time.Hour, want: "ci on another master"},
		"its lease is over": {held: -time.Hour},
		"it is ours":        {held: time.Hour, claimed: "theirs"},
	} {
		books := ledger.Open(t.TempDir())
		if c.claimed != "" {
			unlock := must(books.Lock(artifact.Prod, "frontend", "we"))
			if err := books.Claim(artifact.Prod, "frontend", c.claimed); err != nil {
				t.Fatal(err)
			}
			unlock()
		}
		looks := inventory.Places([]catalog.Row{row}, artifact.Prod, func(catalog.Row, artifact.Env) sight.Workload {
			return sight.Workload{HostName: "D601", Host: pending{held: c.held}}
		})
		inventory.LookAll(t.Context(), looks, nil)
		if got := (&place{Place: looks[0]}).elsewhere(books); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Without the receipts it is unknown how what runs stands to what was proven.
func TestWithoutReceiptsTheStateIsUnknown(t *testing.T) {
	t.Parallel()
	p := place{Place: &inventory.Place{Row: must(must(catalog.Builtin()).Row("frontend")), Env: artifact.Prod}}
	if p.recall(nil, nil); p.live().State != None {
		t.Errorf("%+v", p.live())
	}
	if p.recall(nil, context.Canceled); p.live().State != Unknown {
		t.Errorf("%+v", p.live())
	}
}
