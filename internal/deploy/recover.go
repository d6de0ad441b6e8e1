package deploy

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Recover ends what killed runs left, for every service, and returns what there was
// to end. It leaves a service that a living run has to that run. It names an
// unreachable host once and goes on with the others: that host's agent takes back by
// itself what no run settles.
func (d *Deployer) Recover(ctx context.Context) (done []contract.Recovery, err error) {
	silent := map[string]bool{}
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
			r := d.begin(d.session(row, env), artifact.Commit{})
			one, err := r.recover(ctx)
			done = append(done, one...)
			if err == nil {
				continue
			}
			if e.Target.Host == catalog.Master {
				return done, err
			}
			silent[e.Target.Host] = true
			unreached := r.recovery(contract.Unreached, "", artifact.Commit{}, "not known: "+e.Target.Host+" could not be asked")
			unreached.Failure = recoverFailure(contract.DecidedFailed, workload.PointGuard, err)
			done = append(done, unreached)
		}
	}
	return done, nil
}

func (r *run) recover(ctx context.Context) (done []contract.Recovery, err error) {
	// Asked before the lock is taken, too: with it goes the name of the run that was
	// killed, which is all that is known here of a host that does not answer.
	_, err = r.LookPast(ctx, false)
	nothing := err != nil && (fault.ReasonOf(err) == fault.WorkloadNotFound || fault.ReasonOf(err) == fault.CapabilityMissing)
	if err != nil && !nothing {
		return nil, err
	}
	unlock, err := r.Ledger.Lock(r.env, r.name(), r.holder())
	if fault.ReasonOf(err) == fault.Locked {
		return []contract.Recovery{r.recovery(contract.Busy, "", artifact.Commit{}, err.Error())}, nil
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	if nothing {
		return nil, nil // in the catalog, and not in this project, or on a host that cannot switch
	}
	seen, err := r.LookPast(ctx, false)
	if err != nil {
		return nil, err
	}
	if err := r.held(seen); err != nil {
		return []contract.Recovery{r.recovery(contract.Busy, seen.Pending.Change.ID, seen.Pending.Change.Image.Commit, err.Error())}, nil
	}
	if p := seen.Pending; p != nil {
		one := r.recovery(contract.TookBack, p.Change.ID, p.Change.Image.Commit, "")
		if err := r.endLeft(ctx, p); err != nil {
			one.Action = contract.Failed
			one.Failure = recoverFailure(contract.DecidedRevertFailed, workload.PointOf(err), err)
		}
		seen, one.Running = r.Now(ctx, seen)
		one.Warnings = r.warnings
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

func (r *run) recovery(a contract.Action, change string, commit artifact.Commit, running string) contract.Recovery {
	return contract.Recovery{Service: r.row.Service, Env: r.env, Change: change, Commit: commit, Action: a, Running: running}
}

func recoverFailure(decision contract.Decision, p workload.Point, err error) *contract.Failure {
	var out contract.Result
	out.Fail(decision, p, err)
	out.Failure.Next = contract.RecoverCommand()
	return out.Failure
}
