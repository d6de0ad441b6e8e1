package inventory

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
)

// Running is what runs of a service in an environment.
type Running struct {
	// Commit is that of the images that run; "" if none runs, or if they name none.
	Commit string `json:"commit"`
	// Seen describes it, with the time of the look; "" if its host could not be asked.
	Seen string `json:"seen,omitempty"`
	// Differs means that the environment of what runs names another commit than its image.
	Differs bool `json:"differs,omitempty"`
}

// workloads returns a service's workload in an environment.
type workloads func(row catalog.Row, env artifact.Env) sight.Workload

// place is where a service is live, and what runs there; nil if it is not placed there.
type place struct {
	row     catalog.Row
	env     artifact.Env
	running *Running
}

// lookAll looks at what runs of each service, on all hosts at a time.
func lookAll(ctx context.Context, services []catalog.Row, workload workloads) (map[string]map[artifact.Env]Running, []Unasked) {
	hosts, all := map[string][]*place{}, map[string]map[artifact.Env]Running{}
	for _, row := range services {
		for _, env := range artifact.Envs() {
			if e := row.Environment(env); e.Mode == catalog.Live {
				hosts[e.Target.Host] = append(hosts[e.Target.Host], &place{row: row, env: env})
			}
		}
	}
	names := slices.Sorted(maps.Keys(hosts))
	failed := make([][]Unasked, len(names))
	var group errgroup.Group
	for i, host := range names {
		group.Go(func() error {
			failed[i] = lookOn(ctx, host, hosts[host], workload)
			return nil
		})
	}
	_ = group.Wait()
	for _, at := range slices.Concat(slices.Collect(maps.Values(hosts))...) {
		if at.running == nil {
			continue
		}
		if name := at.row.Service.String(); all[name] == nil {
			all[name] = map[artifact.Env]Running{at.env: *at.running}
		} else {
			all[name][at.env] = *at.running
		}
	}
	return all, slices.Concat(failed...)
}

// lookOn looks at the places on a host. A host that does not answer is not asked again.
func lookOn(ctx context.Context, host string, places []*place, workload workloads) (failed []Unasked) {
	silent := false
	for _, at := range places {
		if silent {
			at.running = &Running{}
			continue
		}
		w := workload(at.row, at.env)
		seen, err := w.LookPast(ctx, false)
		switch reason := fault.ReasonOf(err); {
		case err == nil:
			at.running = &Running{seen.Commit(), w.Running(seen), !seen.AsStamped()}
		case reason == fault.WorkloadNotFound || reason == fault.CapabilityMissing: // in the catalog, and not on this host
		case sight.Cut(err) || reason == fault.EngineUnavailable:
			silent, at.running = true, &Running{}
			failed = append(failed, *NotAsked("what runs on "+host, err))
		default:
			at.running = &Running{}
			failed = append(failed, *NotAsked("what runs of "+at.row.Service.String(), err))
		}
	}
	return failed
}
