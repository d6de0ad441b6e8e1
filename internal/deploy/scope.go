package deploy

import (
	"context"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/bystander"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// surroundings are all containers of the target's engine before the switch, or why
// they are not known.
type surroundings struct {
	at  time.Time // by the host's clock
	all []workload.Neighbour
	err error
}

// survey lists what is there before the switch. A failure does not stop the run; the
// result notes it.
func (s session) survey(ctx context.Context, seen sight.View) surroundings {
	now := seen.HostNow()
	all, err := s.Host.Neighbours(ctx, s.Spec.Ref)
	return surroundings{now, all, err}
}

// unfinished is the scope of a run that ends before it compares.
func (u surroundings) unfinished() *contract.Scope {
	if u.err != nil {
		return &contract.Scope{Note: u.err.Error()}
	}
	return &contract.Scope{Note: "the run ended before it could compare"}
}

// compare lists again once the change is settled, and returns what changed.
func (s session) compare(ctx context.Context, before surroundings, seen sight.View) *contract.Scope {
	if before.err != nil {
		return before.unfinished()
	}
	all, err := s.Host.Neighbours(ctx, s.Spec.Ref)
	if err != nil {
		return &contract.Scope{Note: err.Error()}
	}
	was := bystander.Snapshot{At: before.at, Containers: before.all}
	is := bystander.Snapshot{At: seen.HostNow(), Containers: all}
	if s.Spec.Kubernetes != nil {
		was.Containers, is.Containers = bystander.Pods(s.byService(before.all), s.byService(all))
	}
	disturbed := bystander.Disturbed(was, is, s.Spec.Ref, nil)
	if len(disturbed) > 0 {
		disturbed = bystander.Disturbed(was, is, s.Spec.Ref, s.otherRuns(ctx, seen))
	}
	return &contract.Scope{Observed: true, Disturbed: disturbed}
}

// otherRuns returns the runs that the ledger and the host know of, by the host's clock.
// A ledger or a workload that cannot be read adds no run.
func (s session) otherRuns(ctx context.Context, seen sight.View) (runs []bystander.Run) {
	ahead := time.Until(seen.HostNow())
	ended, _ := s.Ledger.History(0, "")
	under, _ := s.Ledger.Pending()
	for _, receipt := range slices.Concat(ended, under) {
		spec, ok := s.beside(receipt.Service.String(), receipt.Env)
		if ok {
			runs = append(runs, bystander.Run{Target: spec.Ref, Began: receipt.Started.Add(ahead), Ended: finished(receipt, under, ahead)})
		}
	}
	for _, id := range s.Catalog.Services() {
		for _, env := range artifact.Envs() {
			spec, ok := s.beside(id.String(), env)
			if !ok {
				continue
			}
			seen, err := s.Host.Observe(ctx, spec.Ref, false)
			if p := seen.Pending; err == nil && p != nil {
				runs = append(runs, bystander.Run{Target: spec.Ref, Began: p.Since})
			}
			if last := seen.Last; err == nil && last != nil {
				runs = append(runs, bystander.Run{Target: spec.Ref, Ended: last.At})
			}
		}
	}
	return runs
}

// finished returns when a receipt's run ended, by a clock that is ahead by so much; zero
// for a pending receipt, whose run may go on.
func finished(receipt ledger.Receipt, under []ledger.Receipt, ahead time.Duration) time.Time {
	if slices.ContainsFunc(under, func(p ledger.Receipt) bool { return p.ID == receipt.ID }) {
		return time.Time{}
	}
	return receipt.Finished.Add(ahead)
}

// beside returns another service that the target's runtime runs on the target's host.
func (s session) beside(service string, env artifact.Env) (workload.Spec, bool) {
	row, err := s.Catalog.Row(service)
	if err != nil || row.Service == s.row.Service && env == s.env {
		return workload.Spec{}, false
	}
	spec := row.Spec(env, s.Project)
	return spec, row.Environment(env).LiveOn(s.HostName) && spec.Ref.Runtime() == s.Spec.Ref.Runtime()
}

// byService groups pods by the service of the catalog that their Deployment is of. A
// Deployment of no service keeps its own name.
func (s session) byService(pods []workload.Neighbour) []workload.Neighbour {
	all, pods := s.Catalog.Workloads(s.HostName, s.Project), slices.Clone(pods)
	for i, pod := range pods {
		for _, spec := range all {
			if _, of := spec.Deployment(pod.Group); of && pod.Scope == spec.Ref.Scope() {
				pods[i].Group = spec.Ref.Name()
				break
			}
		}
	}
	return pods
}
