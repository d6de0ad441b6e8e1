package deploy

import (
	"context"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Recover ends what killed runs left, for every service, and returns what it did. It leaves
// a service that a living run has to that run. A service that cannot be looked at does not
// stop the others: Recover names an unreachable host once, and a runtime that does not
// answer once for each of its services. A host other than the master reverts by itself a
// change that no run settles.
func (d *Deployer) Recover(ctx context.Context) (done []contract.Recovery, err error) {
	silent := map[string]bool{}   // hosts
	unasked := map[string]error{} // runtimes of a host, and why they are not asked again
	for _, id := range d.config.Catalog.Services() {
		row, err := d.config.Catalog.Row(id.String())
		if err != nil {
			return done, err
		}
		for _, env := range artifact.Envs() {
			e := row.Environment(env)
			if e.Mode != catalog.Live || silent[e.Target.Host] {
				continue
			}
			r := begin(d.session(row, env), artifact.Commit{})
			runtime := e.Target.Host + " " + string(r.Spec.Ref.Runtime())
			one, err := []contract.Recovery(nil), unasked[runtime]
			if err == nil {
				one, err = r.recover(ctx)
			}
			if err != nil {
				switch reason := fault.ReasonOf(err); {
				case reason == fault.EngineUnavailable || reason == fault.KubernetesUnavailable:
					unasked[runtime] = err
				case ofHost(reason):
					silent[e.Target.Host] = true
				}
				one = append(one, r.unlooked(err, silent[e.Target.Host]))
			}
			r.concluded(one)
			done = append(done, one...)
		}
	}
	return done, nil
}

// concluded passes on how a run ended, if it did something or reported a wait: with the
// failure if there is a failure, else with its last action.
func (r *run) concluded(done []contract.Recovery) {
	if len(done) == 0 {
		if len(r.log.Steps) > 0 {
			r.log.Ended(journal.End{Outcome: string(contract.DecidedUnchanged)})
		}
		return
	}
	last := done[len(done)-1]
	if i := slices.IndexFunc(done, func(one contract.Recovery) bool { return one.Failure != nil }); i >= 0 {
		last = done[i]
	}
	r.log.Head.Commit = last.Commit
	r.log.Ended(last.End())
}

// ofHost reports whether an error of this reason concerns the whole host, and not only the
// service.
func ofHost(reason fault.Reason) bool {
	switch reason {
	case fault.HostUnreachable, fault.Stalled, fault.HostKeyMismatch, fault.NotAnAgent, fault.RoleMissing, fault.ConfigInvalid, fault.LedgerUnavailable:
		return true
	}
	return false
}

// unlooked is the report of a service that could not be looked at. whole means that nothing
// else on its host can be looked at, either.
func (r *run) unlooked(err error, whole bool) contract.Recovery {
	action, what := contract.Unreached, r.HostName
	if r.HostName == catalog.Master {
		action = contract.Failed // nothing else there ends what is left
	}
	if !whole {
		what = r.name() + " on " + what
	}
	one := r.recovery(action, "", artifact.Commit{}, workload.NotKnown(r.HostName, "not known: "+what+" could not be asked"))
	one.Failure = contract.Unrecovered(contract.DecidedFailed, workload.PointGuard, err)
	if whole {
		one.Host = r.HostName
	}
	return one
}

func (r *run) recover(ctx context.Context) (done []contract.Recovery, err error) {
	// Look before the lock is taken, too: taking it removes the name of the killed run,
	// which is all that is known here about a host that does not answer.
	seen, err := r.LookPast(ctx, false)
	nothing := err != nil && (fault.ReasonOf(err) == fault.WorkloadNotFound || fault.ReasonOf(err) == fault.CapabilityMissing)
	if err != nil && !nothing {
		return nil, err
	}
	reverted := seen.Last != nil && seen.Last.Outcome == workload.Revert // perhaps without a receipt
	if seen.Pending == nil && seen.Holds == nil && !reverted && !r.Ledger.Begun(r.env, r.name()) {
		return nil, nil // no lock: a deploy that begins now is not refused
	}
	unlock, _, err := r.lock(ctx)
	if fault.ReasonOf(err) == fault.Locked {
		return []contract.Recovery{r.recovery(contract.Busy, "", artifact.Commit{}, workload.NotKnown(r.HostName, err.Error()))}, nil
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	if nothing {
		return nil, nil // in the catalog, and not in this project, or on a host that cannot switch
	}
	seen, err = r.LookPast(ctx, false)
	if err != nil {
		return nil, err
	}
	if err := r.held(seen); err != nil {
		return []contract.Recovery{r.recovery(contract.Busy, seen.Pending.Change.ID, seen.Pending.Change.Image.Commit, workload.NotKnown(r.HostName, err.Error()))}, nil
	}
	if p := seen.Pending; p != nil {
		one := r.recovery(contract.TookBack, p.Change.ID, p.Change.Image.Commit, workload.Running{})
		if err := r.endLeft(ctx, p); err != nil {
			one.Action = contract.Failed
			one.Failure = contract.Unrecovered(contract.DecidedRevertFailed, workload.PointOf(err), err)
		}
		seen, one.Running = r.Now(ctx, seen)
		one.Warnings = r.warnings
		done = append(done, one)
	}
	if one, ok := r.release(ctx, seen); ok {
		done = append(done, one)
	}
	finished, err := r.finishReceipts(seen)
	for _, w := range finished {
		one := r.recovery(contract.Recorded, w.ID, w.Commit, r.Running(seen))
		one.Warnings = w.Warnings
		done = append(done, one)
	}
	return done, err
}

// release has the host remove a container that holds an image for a change that is over,
// by the same settlement once more. ok is false if there is no such container.
func (r *run) release(ctx context.Context, seen sight.View) (one contract.Recovery, ok bool) {
	held, last := seen.Holds, seen.Last
	if held == nil || last == nil || seen.Pending != nil {
		return one, false
	}
	one = r.recovery(contract.Released, held.Change, last.Commit, r.Running(seen))
	r.warnings = nil
	if err := r.settleAs(ctx, workload.Settlement{ChangeID: last.ChangeID, Outcome: last.Outcome}); err != nil {
		one.Action = contract.Failed
		one.Failure = contract.Unrecovered(contract.DecidedFailed, workload.PointSettle, err)
	}
	one.Warnings = r.warnings
	return one, true
}

func (r *run) recovery(a contract.Action, change string, commit artifact.Commit, running workload.Running) contract.Recovery {
	return contract.Recovery{Service: r.row.Service, Env: r.env, Change: change, Commit: commit, Action: a, Running: running}
}
