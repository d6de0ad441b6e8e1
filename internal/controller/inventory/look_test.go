package inventory

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// failing is a host that answers each look with an error, nil for a look at nothing.
type failing struct {
	workload.Target
	err   func(ref workload.Ref) error
	looks *atomic.Int32
}

func (f failing) Observe(_ context.Context, ref workload.Ref, _ bool) (workload.Observation, error) {
	f.looks.Add(1)
	return workload.Observation{}, f.err(ref)
}

func TestAHostThatDoesNotAnswerIsAskedOnce(t *testing.T) {
	t.Parallel()
	silence := fault.New(fault.HostUnreachable, "no")
	for name, c := range map[string]struct {
		away error
		err  error
		// looks is how many looks there are at most, unseen how many questions stay open.
		looks, unseen int
		silent        bool
	}{
		"it is away":                 {away: silence, unseen: 1, silent: true},
		"it breaks":                  {err: silence, looks: 1, unseen: 1, silent: true},
		"its engine is down":         {err: fault.New(fault.EngineUnavailable, "no"), looks: 1, unseen: 1, silent: true},
		"it does not have them":      {err: fault.New(fault.WorkloadNotFound, "none"), looks: 100},
		"it cannot read each of all": {err: fault.New(fault.ComposeFailed, "no"), looks: 100, unseen: 100},
		"it answers":                 {looks: 100},
	} {
		var looks atomic.Int32
		places := Places(builtin(t), 0, func(catalog.Row, artifact.Env) sight.Workload {
			return sight.Workload{HostName: "D601", Host: failing{err: func(workload.Ref) error { return c.err }, looks: &looks}}
		})
		LookAll(t.Context(), places, map[string]error{"D601": c.away})
		if want := min(c.looks, len(places)); int(looks.Load()) != want {
			t.Errorf("%s: %d looks at %d places, want %d", name, looks.Load(), len(places), want)
		}
		unseen := Unseen(places)
		if want := min(c.unseen, len(places)); len(unseen) != want || c.silent != (want == 1 && strings.Contains(unseen[0].What, "on D601")) {
			t.Errorf("%s: %+v", name, unseen)
		}
		for _, p := range places {
			if p.Silent != c.silent || p.Unplaced != (fault.ReasonOf(c.err) == fault.WorkloadNotFound && c.err != nil) {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}
