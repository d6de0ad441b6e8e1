package deploy

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// abandoned is why a change was taken back that its run did not settle.
const abandoned = "its run ended before the change was settled"

// Recover ends what killed runs left, for every service, and returns what there
// was to end. Services that a living run has are left to it; a host that cannot be
// asked is said once, and does not keep the others waiting: its agent takes back
// by itself what nobody settles.
func (d *Deployer) Recover(ctx context.Context) (done []contract.Recovery, err error) {
	silent := map[string]bool{}
	for _, id := range d.Catalog.Services() {
		row, err := d.Catalog.Row(id.String())
		if err != nil {
			return done, err
		}
		for _, env := range catalog.Envs() {
			e := row.Environment(env)
			if e.Mode != catalog.Live || e.Target.Compose == nil || silent[e.Target.Host] {
				continue
			}
			r := d.begin(row, contract.Contract{Service: id, Env: env}, false)
			one, err := r.recover(ctx)
			done = append(done, one...)
			switch {
			case err == nil:
			case e.Target.Host == catalog.Master:
				return done, err
			default:
				silent[e.Target.Host] = true
				r.result.Fail(contract.DecidedFailed, workload.PointGuard, err)
				r.result.Failure.Next = contract.RecoverCommand
				done = append(done, contract.Recovery{
					Service: id, Env: env, Action: contract.Unreached, Running: "not known: " + e.Target.Host + " could not be asked", Failure: r.result.Failure,
				})
			}
		}
	}
	return done, nil
}

func (r *deployment) recover(ctx context.Context) (done []contract.Recovery, err error) {
	// Asked before the lock is taken, too: with it goes the name of the run that was
	// killed, which is all that is known here of a host that does not answer.
	_, err = r.host.Observe(ctx, r.spec, false)
	nothing := err != nil && (fault.ReasonOf(err) == fault.WorkloadNotFound || fault.ReasonOf(err) == fault.CapabilityMissing)
	if err != nil && !nothing {
		return nil, err
	}
	unlock, err := r.Ledger.Lock(string(r.Env), r.Service.String(), r.holder())
	if fault.ReasonOf(err) == fault.Locked {
		return []contract.Recovery{{Service: r.Service, Env: r.Env, Action: contract.Busy, Running: err.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	if nothing {
		return nil, nil // in the catalog, and not in this project, or on a host that cannot switch
	}
	if r.seen, err = r.host.Observe(ctx, r.spec, false); err != nil {
		return nil, err
	}
	if p := r.seen.Pending; p != nil {
		one := contract.Recovery{Service: r.Service, Env: r.Env, Change: p.Change.ID, Commit: p.Change.Commit, Action: contract.TookBack}
		if err := r.takeBackLeft(ctx, p); err != nil {
			one.Action = contract.Failed
			r.result.Fail(contract.DecidedRevertFailed, r.at, err)
			one.Failure = r.result.Failure
			one.Failure.Next = contract.RecoverCommand
		}
		r.lookAgain(ctx)
		one.Running = describe(r.spec, r.seen)
		done = append(done, one)
	}
	finished, err := r.finishReceipts()
	return append(done, finished...), err
}

// clearForeign ends what an earlier run of this service left, unless it is an
// unsettled change to the very commit that is asked for: that one is taken over.
func (r *deployment) clearForeign(ctx context.Context) error {
	if p := r.seen.Pending; p != nil && p.Change.Commit != r.Commit {
		if err := r.takeBackLeft(ctx, p); err != nil {
			return err
		}
		if err := r.look(ctx); err != nil {
			return err
		}
	}
	_, err := r.finishReceipts()
	return err
}

// takeBackLeft reverts a change that its run left unsettled, and says so in the
// books.
func (r *deployment) takeBackLeft(ctx context.Context, p *workload.Pending) error {
	r.at, r.result.Mutated = workload.PointSettle, true
	if err := r.revert(ctx, p.Change, p.Before); err != nil {
		return fault.New(fault.RevertFailed, "take back the unsettled change to %s: %w", p.Change.Commit.Short(), err)
	}
	return r.Ledger.Record(ledger.Receipt{
		Schema: ledger.Schema, ID: p.Change.ID, Service: r.Service, Env: string(r.Env), Commit: p.Change.Commit,
		Outcome: ledger.Reverted, Started: p.Since, Finished: time.Now().UTC(),
		Who: r.Who, Controller: r.Version, Catalog: r.Catalog.Hash,
		Image:  ledger.Image{Repository: r.row.Repository, Manifest: p.Change.Manifest, Config: p.Change.Config},
		Before: p.Before, Failure: abandoned,
	})
}

// finishReceipts puts receipts that a run left pending into force, as the host
// says its change ended: kept, or else taken back.
func (r *deployment) finishReceipts() (done []contract.Recovery, err error) {
	pending, err := r.Ledger.Pending()
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, receipt := range pending {
		if receipt.Service != r.Service || receipt.Env != string(r.Env) {
			continue
		}
		if p := r.seen.Pending; p != nil && p.Change.ID == receipt.ID {
			continue // unsettled: whoever settles it writes the receipt anew
		}
		last := r.seen.Last
		if last == nil || last.ChangeID != receipt.ID || last.Outcome != workload.Keep {
			receipt.Outcome, receipt.Failure = ledger.Reverted, abandoned
		}
		faults = append(faults, r.Ledger.Record(receipt))
		done = append(done, contract.Recovery{
			Service: r.Service, Env: r.Env, Change: receipt.ID, Commit: receipt.Commit, Action: contract.Recorded,
			Running: describe(r.spec, r.seen),
		})
	}
	one, err := r.takenBackAlone()
	return append(done, one...), errors.Join(append(faults, err)...)
}

// takenBackAlone writes the receipt of a change that its host took back when nobody
// came, if there is none.
func (r *deployment) takenBackAlone() ([]contract.Recovery, error) {
	last := r.seen.Last
	if last == nil || last.Outcome != workload.Revert {
		return nil, nil
	}
	receipts, err := r.Ledger.History(string(r.Env), r.Service.String())
	if err != nil || slices.ContainsFunc(receipts, func(one ledger.Receipt) bool { return one.ID == last.ChangeID }) {
		return nil, err
	}
	err = r.Ledger.Record(ledger.Receipt{
		Schema: ledger.Schema, ID: last.ChangeID, Service: r.Service, Env: string(r.Env), Commit: last.Commit,
		Outcome: ledger.Reverted, Started: last.At, Finished: last.At, Who: r.Who, Controller: r.Version, Catalog: r.Catalog.Hash,
		Image: ledger.Image{Repository: r.row.Repository}, Failure: abandoned,
	})
	return []contract.Recovery{{
		Service: r.Service, Env: r.Env, Change: last.ChangeID, Commit: last.Commit, Action: contract.Recorded, Running: describe(r.spec, r.seen),
	}}, err
}
