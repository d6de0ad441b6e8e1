package inventory

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
)

// Workloads returns a service's workload in an environment.
type Workloads func(row catalog.Row, env artifact.Env) sight.Workload

// Place is a service in an environment that brings it live, and what its host showed of it.
type Place struct {
	Row      catalog.Row
	Env      artifact.Env
	Workload sight.Workload
	Seen     sight.View
	// Err is why the workload was not seen.
	Err error
	// Silent means that the host does not answer for any workload.
	Silent bool
	// Unplaced means that the catalog names the host, and the host does not have the workload.
	Unplaced bool
}

// Places returns the places of services in an environment, or in all if env is zero. Nothing
// is looked at yet.
func Places(services []catalog.Row, env artifact.Env, workload Workloads) (all []*Place) {
	for _, row := range services {
		for _, e := range artifact.Envs() {
			if row.Environment(e).Mode == catalog.Live && (env == 0 || env == e) {
				all = append(all, &Place{Row: row, Env: e, Workload: workload(row, e)})
			}
		}
	}
	return all
}

// mostLooks is how many workloads of a host are looked at at a time.
const mostLooks = 8

// LookAll looks at all places, on all hosts at the same time. A host that does not answer is
// not asked again; the hosts in away are not asked at all.
func LookAll(ctx context.Context, places []*Place, away map[string]error) {
	hosts := map[string][]*Place{}
	for _, p := range places {
		hosts[p.Workload.HostName] = append(hosts[p.Workload.HostName], p)
	}
	var group errgroup.Group
	for host, places := range hosts {
		group.Go(func() error {
			lookOn(ctx, places, away[host])
			return nil
		})
	}
	_ = group.Wait()
}

// lookOn looks at the places on a host: at the first alone, as it makes the connection.
func lookOn(ctx context.Context, places []*Place, away error) {
	var silence atomic.Pointer[error]
	if away != nil {
		silence.Store(&away)
	}
	look := func(p *Place) {
		if err := silence.Load(); err != nil {
			p.Err, p.Silent = *err, true
			return
		}
		p.Seen, p.Err = p.Workload.LookPast(ctx, false)
		switch reason := fault.ReasonOf(p.Err); {
		case p.Err == nil:
		case reason == fault.WorkloadNotFound || reason == fault.CapabilityMissing:
			p.Err, p.Unplaced = nil, true
		case sight.Cut(p.Err) || reason == fault.EngineUnavailable:
			p.Silent = true
			silence.Store(&p.Err)
		}
	}
	look(places[0])
	var group errgroup.Group
	group.SetLimit(mostLooks)
	for _, p := range places[1:] {
		group.Go(func() error { look(p); return nil })
	}
	_ = group.Wait()
}

// Unseen are the questions about places that were not answered, each silent host once.
func Unseen(places []*Place) (unasked []Unasked) {
	silent := map[string]error{}
	for _, p := range places {
		switch {
		case p.Silent:
			silent[p.Workload.HostName] = p.Err
		case p.Err != nil:
			unasked = append(unasked, *NotAsked("what runs of "+p.Row.Service.String(), p.Err))
		}
	}
	for _, host := range slices.Sorted(maps.Keys(silent)) {
		unasked = append(unasked, *NotAsked("what runs on "+host, silent[host]))
	}
	return unasked
}
