package deploy

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bystander"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// beginScope notes everything that is there before the switch. It is no reason to
// stop that it cannot: then the result says so.
func (r *deployment) beginScope(ctx context.Context) {
	at := r.hostNow()
	all, err := r.host.Containers(ctx, r.spec)
	if err != nil {
		r.result.Scope = &contract.Scope{Note: err.Error()}
		return
	}
	r.result.Scope = &contract.Scope{Note: "the run ended before it could compare"}
	r.before = &bystander.Snapshot{At: at, Containers: all}
	r.exclude(all)
}

// endScope compares, once the change is settled.
func (r *deployment) endScope(ctx context.Context) {
	if r.before == nil {
		return
	}
	all, err := r.host.Containers(ctx, r.spec)
	if err != nil {
		r.result.Scope.Note = err.Error()
		return
	}
	after := bystander.Snapshot{At: r.hostNow(), Containers: all}
	disturbed := bystander.Disturbed(*r.before, after, *r.spec.Ref.Compose, nil)
	if len(disturbed) > 0 {
		disturbed = bystander.Disturbed(*r.before, after, *r.spec.Ref.Compose, r.otherRuns(ctx))
	}
	r.result.Scope = &contract.Scope{Observed: true, Disturbed: disturbed}
}

// disturbed are the sentences about it.
func (r *deployment) disturbed() (said []string) {
	for _, d := range r.result.Scope.Disturbed {
		said = append(said, d.Detail)
	}
	return said
}

// otherRuns are the runs that the books and the host itself tell of, by the host's
// clock. What cannot be read explains nothing.
func (r *deployment) otherRuns(ctx context.Context) (runs []bystander.Run) {
	ahead := time.Until(r.hostNow())
	ended, _ := r.Ledger.History("", "")
	under, _ := r.Ledger.Pending()
	for _, receipt := range slices.Concat(ended, under) {
		spec, ok := r.beside(receipt.Service.String(), catalog.Env(receipt.Env))
		if ok {
			runs = append(runs, bystander.Run{Target: *spec.Ref.Compose, Began: receipt.Started.Add(ahead), Ended: finished(receipt, under, ahead)})
		}
	}
	for _, id := range r.Catalog.Services() {
		for _, env := range catalog.Envs() {
			spec, ok := r.beside(id.String(), env)
			if !ok {
				continue
			}
			seen, err := r.host.Observe(ctx, spec, false)
			if p := seen.Pending; err == nil && p != nil {
				runs = append(runs, bystander.Run{Target: *spec.Ref.Compose, Began: p.Since})
			}
			if last := seen.Last; err == nil && last != nil {
				runs = append(runs, bystander.Run{Target: *spec.Ref.Compose, Ended: last.At})
			}
		}
	}
	return runs
}

// finished is when a receipt's run ended, by a clock that is so much ahead; one
// whose receipt is pending may go on.
func finished(receipt ledger.Receipt, under []ledger.Receipt, ahead time.Duration) time.Time {
	if slices.ContainsFunc(under, func(p ledger.Receipt) bool { return p.ID == receipt.ID }) {
		return time.Time{}
	}
	return receipt.Finished.Add(ahead)
}

// beside returns another service that Compose runs on the target's host.
func (r *deployment) beside(service string, env catalog.Env) (workload.Spec, bool) {
	row, err := r.Catalog.Row(service)
	if err != nil || row.Service == r.Service && env == r.Env {
		return workload.Spec{}, false
	}
	e := row.Environment(env)
	return row.Spec(env, r.Project), e.Mode == catalog.Live && e.Target.Compose != nil && e.Target.Host == r.environment().Target.Host
}

// exclude names the other services of the target's Compose project among what is
// not touched.
func (r *deployment) exclude(all []workload.Container) {
	host, ref := r.environment().Target.Host, r.spec.Ref.Compose
	excluded := slices.Clone(r.ExcludedTargets)
	for _, c := range all {
		other := catalog.Target{Host: host, Compose: &catalog.Compose{Service: c.Service, Container: c.Name}}.Names()[0]
		if c.Project == ref.Project && c.Service != ref.Service && !slices.Contains(excluded, other) {
			excluded = append(excluded, other)
		}
	}
	r.ExcludedTargets = excluded
}

// amiss makes the result degraded when somebody else was disturbed.
func (r *deployment) amiss() {
	said := r.disturbed()
	if len(said) == 0 {
		return
	}
	r.result.OK, r.result.Decision = false, contract.DecidedDegraded
	r.result.Hints = append(slices.Clone(r.result.Hints),
		"find out who did it, for no run of unidesk-controller explains it: "+strings.Join(said, "; "))
}
