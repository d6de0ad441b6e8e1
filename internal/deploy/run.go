package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Run brings the commit live, or leaves what ran before running. Ending ctx
// before the switch stops the run; after it, it means: take the change back.
func (d *Deployer) Run(ctx context.Context, c contract.Contract, force bool) (result contract.Result) {
	if c.Gate.Stops(contract.ReachLive) && c.Gate.Code != catalog.Promote { // that one wants the digest
		return contract.Gated(c)
	}
	r := d.begin(c.Row(), c, force)
	defer func() { result.Seconds = elapsed(r.started) }()
	unlock, err := r.Ledger.Lock(string(r.Env), r.Service.String(), r.holder())
	if err != nil {
		return r.stopped(ctx, err)
	}
	defer unlock()
	r.reach(workload.PointGuard, workload.PointResolve, "the lock is ours")
	if err := r.look(ctx); err != nil {
		return r.stopped(ctx, err)
	}
	if r.Gate.Stops(contract.ReachLive) {
		result = contract.Gated(r.Contract)
		result.Running = describe(r.spec, r.seen)
		return result
	}
	if err := r.clearForeign(ctx); err != nil {
		return r.stopped(ctx, err)
	}
	if r.result.Rollback, err = r.rollback(); err != nil {
		return r.stopped(ctx, err)
	}
	plan, err := r.preflight(ctx)
	if err != nil {
		return r.stopped(ctx, err)
	}
	r.result.Plan = &plan
	if plan.AlreadyLive && !r.force && r.seen.Pending == nil {
		return r.proveAgain(ctx)
	}
	if err := blocked(plan.Checks); err != nil {
		return r.stopped(ctx, err)
	}
	if err := r.grantUsed(plan); err != nil {
		return r.unusable(err)
	}
	r.reach(workload.PointPreflight, workload.PointTransfer, r.toBring())
	if err := r.host.Stage(ctx, r.spec, r.image, r.pass); err != nil {
		return r.stopped(ctx, err)
	}
	return r.change(ctx)
}

// change does everything from the switch on.
func (r *deployment) change(ctx context.Context) contract.Result {
	if ctx.Err() != nil {
		return r.stopped(ctx, context.Cause(ctx))
	}
	change := r.newChange()
	r.at = workload.PointBefore
	r.beginScope(ctx)
	if err := r.useGrant(); err != nil {
		return r.unusable(err)
	}
	if err := r.host.Switch(ctx, change, r.pass); err != nil {
		return r.unswitched(ctx, change, err)
	}
	r.result.Mutated = true
	verdict, err := r.prove(ctx, r.wanted)
	r.result.Evidence = verdict.Findings
	if err != nil {
		return r.takeBack(ctx, change, verdict, err)
	}
	r.result.Witnesses = r.witnesses()
	r.reach(workload.PointProve, workload.PointPending, r.Commit.Short()+" "+string(verdict.Status))
	return r.keep(ctx, change, verdict)
}

// keep settles a proven change. The receipt is pending before the host keeps the
// change and in force after, so that a crash between leaves it to be finished.
func (r *deployment) keep(ctx context.Context, change workload.Change, verdict proof.Verdict) contract.Result {
	ctx, cancel := detach(ctx)
	defer cancel()
	receipt := r.receipt(change, verdict)
	if err := r.Ledger.Prepare(receipt); err != nil {
		return r.takeBack(ctx, change, verdict, err)
	}
	r.reach(workload.PointPending, workload.PointSettle, "the receipt is written, not yet in force")
	retire, err := r.retire()
	if err != nil {
		return r.takeBack(ctx, change, verdict, err)
	}
	settlement := workload.Settlement{ChangeID: change.ID, Outcome: workload.Keep, Retire: retire}
	if err := r.host.Settle(ctx, r.spec, settlement, r.pass); err != nil {
		switch became, seen := r.fate(ctx); {
		case became == kept: // only the answer was lost
		case became == reverted:
			return r.takeBack(ctx, change, verdict, r.takenBack(seen))
		case became == unknown && cut(err):
			return r.unsettled(ctx, change, err)
		default:
			return r.unrecorded(ctx, change, err)
		}
	}
	r.reach(workload.PointSettle, workload.PointRecord, "kept")
	r.endScope(ctx)
	receipt.Disturbed = r.disturbed()
	if err := r.Ledger.Record(receipt); err != nil {
		return r.unrecorded(ctx, change, err)
	}
	r.reach(workload.PointRecord, workload.PointRecord, "receipt "+receipt.ID)

	r.result.OK, r.result.Decision, r.result.Changed = true, contract.DecidedSucceeded, true
	if verdict.Status == proof.Degraded {
		r.result.OK, r.result.Decision, r.result.Hints = false, contract.DecidedDegraded, r.row.Hints
	}
	r.amiss()
	r.result.Receipt, r.result.Bytes = &receipt, &receipt.Bytes
	r.result.Running = describeInstance(r.spec, verdict.Instance)
	return r.result
}

// proveAgain answers for a commit that runs already: by a fresh proof, with
// nothing sent and nothing recreated.
func (r *deployment) proveAgain(ctx context.Context) contract.Result {
	r.at = workload.PointProve
	verdict, err := r.prove(ctx, r.wanted)
	r.result.Evidence = verdict.Findings
	if err != nil {
		return r.stopped(ctx, err)
	}
	r.result.Witnesses = r.witnesses()
	r.reach(workload.PointProve, workload.PointProve, r.Commit.Short()+" runs already, "+string(verdict.Status))
	r.result.Running = describeInstance(r.spec, verdict.Instance)
	if verdict.Status == proof.Degraded {
		r.result.OK, r.result.Decision, r.result.Hints = false, contract.DecidedDegraded, r.row.Hints
	}
	if c := r.origin.Check(r.row.Provenance); !c.OK { // it runs well, and should not have been let in
		r.result.OK, r.result.Decision = false, contract.DecidedDegraded
		r.result.Hints = append([]string{"the provenance is " + c.Detail + ": " + c.Fix}, r.result.Hints...)
	}
	if r.result.Decision == contract.DecidedDegraded {
		return r.result
	}
	if err := r.promote(verdict); err != nil {
		return r.stopped(ctx, err)
	}
	r.result.OK, r.result.Decision = true, contract.DecidedUnchanged
	return r.result
}

// promote records that a version that was kept degraded is well now, so that it
// is one to go back to.
func (r *deployment) promote(verdict proof.Verdict) error {
	receipts, err := r.Ledger.History(string(r.Env), r.Service.String())
	if err != nil || len(receipts) == 0 || receipts[0].Outcome != ledger.Degraded || receipts[0].Commit != r.Commit {
		return err
	}
	receipt := r.receipt(workload.Change{ID: r.id}, verdict)
	receipt.Before = receipts[0].Before
	r.result.Receipt = &receipt
	return r.Ledger.Record(receipt)
}

// stopped ends a run that touched nothing that runs.
func (r *deployment) stopped(ctx context.Context, err error) contract.Result {
	decision := contract.DecidedFailed
	if ctx.Err() != nil {
		decision = contract.DecidedInterrupted
		err = fault.Transient(fault.Interrupted, "stopped before anything that runs was touched")
	}
	at := r.at
	if r.seen.At.IsZero() && !cut(err) {
		r.lookAgain(ctx)
	}
	r.at = at
	return r.refused(decision, err)
}

// newChange is the change to make, or the unsettled one of an earlier run for
// the same commit, which this run takes over with as much time as a new one has.
func (r *deployment) newChange() workload.Change {
	e := r.environment()
	deadline := r.hostNow().Add(switchTime + e.Timeout + 3*e.Stable).UTC()
	if p := r.seen.Pending; p != nil {
		r.id = p.Change.ID
		change := p.Change
		change.Deadline = deadline
		return change
	}
	saw := ""
	if in := proof.Current(r.spec, r.seen); in != nil {
		saw = in.ID
	}
	return workload.Change{
		ID: r.id, Spec: r.spec, Commit: r.Commit, Manifest: r.image.Manifest, Config: r.image.Config, Saw: saw,
		Env: map[string]string{
			workload.KeyCommit:          r.Commit.String(),
			workload.KeyRequestedCommit: r.Commit.String(),
			workload.KeyImage:           r.Image,
			workload.KeyDigest:          r.image.Manifest.String(),
			workload.KeyServiceID:       r.Service.String(),
			workload.KeySourceRepo:      r.row.Source,
			workload.KeyDeployedAt:      r.started.UTC().Format(time.RFC3339),
		},
		FlagsBefore: r.wanted.FlagsBefore,
		Deadline:    deadline,
		Holder:      r.holder(),
	}
}

// retire are the commits of this service whose images need not stay: all but the
// last three that were proven, this one among them.
func (r *deployment) retire() (old []artifact.Commit, err error) {
	receipts, err := r.Ledger.History(string(r.Env), r.Service.String())
	if err != nil {
		return nil, err
	}
	proven, err := r.Ledger.Proven(string(r.Env), r.Service.String())
	if err != nil {
		return nil, err
	}
	stay := map[artifact.Commit]bool{r.Commit: true}
	for _, c := range proven {
		if len(stay) < keptVersions {
			stay[c] = true
		}
	}
	for _, receipt := range receipts {
		if !stay[receipt.Commit] {
			stay[receipt.Commit] = true // name each once
			old = append(old, receipt.Commit)
		}
	}
	return old, nil
}

func (r *deployment) receipt(change workload.Change, verdict proof.Verdict) ledger.Receipt {
	layers := make([]artifact.Digest, 0, len(r.image.Layers))
	for _, l := range r.image.Layers {
		layers = append(layers, l.Digest)
	}
	sent, received := r.Traffic()
	receipt := ledger.Receipt{
		Schema: ledger.Schema, ID: change.ID, Service: r.Service, Env: string(r.Env), Commit: r.Commit,
		Outcome: ledger.Succeeded, Started: r.started.UTC(), Finished: time.Now().UTC(),
		Who: r.Who, Controller: r.Version, Catalog: r.Catalog.Hash,
		Image: ledger.Image{
			Repository: r.image.Repository, Index: r.image.Index, Manifest: r.image.Manifest,
			Config: r.image.Config, Layers: layers,
		},
		Evidence: verdict.Findings, Before: r.replaced(),
		Bytes: ledger.Bytes{Image: r.image.Size(), Needed: r.need.Bytes, Received: received, Sent: sent},
		Steps: r.steps, Rollback: r.result.Rollback, Grant: r.Grant, Provenance: r.origin,
	}
	if in := verdict.Instance; in != nil {
		receipt.Container, receipt.ImageID = in.ID, in.ImageID
	}
	if verdict.Status == proof.Degraded {
		receipt.Outcome = ledger.Degraded
	}
	return receipt
}

// replaced is what ran when this change began.
func (r *deployment) replaced() workload.Before {
	if p := r.seen.Pending; p != nil {
		return p.Before
	}
	in := proof.Current(r.spec, r.seen)
	if in == nil {
		return workload.Before{}
	}
	return workload.Before{Container: in.ID, Running: in.Running, ImageID: in.ImageID, Commit: in.Env[workload.KeyCommit], Config: in.Config}
}

func (r *deployment) holder() string {
	what := "recover"
	if r.Commit != (artifact.Commit{}) {
		what = "deploy of " + r.Commit.String()
	}
	return fmt.Sprintf("%s, %s, run %s, since %s", r.Who, what, r.id, r.started.UTC().Format(time.RFC3339))
}

const (
	// keptVersions is how many proven versions keep their images.
	keptVersions = 3
	// switchTime is what tags, env file and Compose may take beside the proof.
	switchTime = 3 * time.Minute
	// cleanUp bounds work that goes on after a person has said stop.
	cleanUp = 5 * time.Minute
)

// detach returns a context for work that must end even though the run was told
// to stop.
func detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
}
