package deploy

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Plan looks at the real hosts and says whether a deploy would go through. It
// changes nothing.
func (d *Deployer) Plan(ctx context.Context, c contract.Contract) (result contract.Result) {
	if c.Gate.Stops(contract.ReachPlan) {
		return contract.Gated(c)
	}
	r := d.begin(c.Row(), c, false)
	r.planned = true
	defer func() { result.Seconds = elapsed(r.started) }()
	if err := r.look(ctx); err != nil {
		return r.unplanned(ctx, err)
	}
	plan, err := r.preflight(ctx)
	if err != nil {
		return r.unplanned(ctx, err)
	}
	r.result.Plan = &plan
	if r.unseen() == "" {
		if all, err := r.host.Containers(ctx, r.spec); err == nil {
			r.exclude(all)
		}
	}
	if holder := r.Ledger.Holder(string(r.Env), r.Service.String()); holder != "" {
		return r.refused(contract.DecidedBlocked, fault.Transient(fault.Locked, "a run has %s (%s): %s", r.Service, r.Env, holder).
			WithHint("ask again when it ends"))
	}
	if r.seen.Pending != nil {
		r.lookAgain(ctx) // the run that made it may have ended while this looked
		if p := r.seen.Pending; p != nil {
			return r.refused(contract.DecidedBlocked, pendingFault(p))
		}
		return r.refused(contract.DecidedBlocked, fault.Transient(fault.Locked, "a run had %s (%s), and ended while this looked", r.Service, r.Env).
			WithHint("ask again"))
	}
	if err := r.grantUsed(plan); err != nil {
		return r.unusable(err)
	}
	checks := plan.Checks
	if plan.AlreadyLive { // nothing would be recreated; where it comes from counts all the same
		checks = []proof.Check{r.origin.Check(r.row.Provenance)}
	}
	if err := blocked(checks); err != nil {
		return r.refused(contract.DecidedBlocked, err)
	}
	r.result.OK, r.result.Decision = true, contract.DecidedReady
	if r.result.Rollback, err = r.rollback(); err != nil {
		return r.refused(contract.DecidedBlocked, err)
	}
	if !r.Gate.Stops(contract.ReachLive) {
		r.result.Plan.Next = contract.LiveCommand(r.row, r.Env, r.Commit.String())
	}
	r.result.Running = r.running()
	return r.result
}

// elapsed is the wall time in seconds, with milliseconds.
func elapsed(since time.Time) float64 { return float64(time.Since(since).Milliseconds()) / 1000 }

// unplanned ends a plan that cannot be made.
func (r *deployment) unplanned(ctx context.Context, err error) contract.Result {
	switch {
	case ctx.Err() != nil:
		return r.refused(contract.DecidedInterrupted, fault.Transient(fault.Interrupted, "stopped before the answer; nothing was changed"))
	case fault.Retryable(err):
		return r.refused(contract.DecidedFailed, err)
	}
	return r.refused(contract.DecidedBlocked, err)
}

// refused ends a pass that changed nothing.
func (r *deployment) refused(decision contract.Decision, err error) contract.Result {
	r.result.Fail(decision, r.at, err)
	r.result.Running = r.running()
	r.result.Failure.Next = r.next()
	return r.result
}

// next is the command to type after a failure.
func (r *deployment) next() string {
	f := r.result.Failure
	switch {
	case f.Reason == fault.RevertFailed || f.Reason == fault.ChangePending:
		return contract.RecoverCommand
	case f.Reason == fault.CapabilityMissing:
		return "unidesk-controller doctor"
	case f.Reason == fault.ArtifactNotFound:
		return contract.ListCommand(r.Service.String())
	case r.result.Decision == contract.DecidedReverted && !f.Retry && r.result.Receipt != nil:
		return "unidesk-controller history show " + r.result.Receipt.ID
	case !r.planned && (f.Retry || f.Reason == fault.RecoveryNeeded || r.result.Decision == contract.DecidedInterrupted):
		return contract.LiveCommand(r.row, r.Env, r.Commit.String())
	default:
		return contract.DeployCommand(r.Service, r.Env, r.Commit.String()) // the plan tells when the cause is gone
	}
}

// preflight gathers every check that can be made without changing anything.
func (r *deployment) preflight(ctx context.Context) (contract.Plan, error) {
	plan := contract.Plan{
		Index: r.image.Index, Manifest: r.image.Manifest, Config: r.image.Config, Platform: r.image.Platform,
		Layers: len(r.image.Layers), Bytes: r.image.Size(), Provenance: r.origin,
		Checks: append(proof.Labels(r.RequiredLabels, r.image.Labels), proof.Runs(r.seen.Platform, r.image.Platform), r.origin.Check(r.row.Provenance)),
	}
	if plan.Unseen = r.unseen(); plan.Unseen != "" {
		return plan, nil
	}
	need, err := r.cost(ctx)
	if err != nil {
		return contract.Plan{}, err
	}
	plan.Need, r.need = need, need
	plan.Checks = append(plan.Checks, r.mendedThere(proof.Fit(r.spec, r.seen))...)
	if host := r.environment().Target.Host; host == catalog.Master {
		plan.Checks = append(plan.Checks,
			proof.Room("of the engine", need.Engine, r.seen.FreeBytes),
			proof.Room("of the spool", need.Spool, need.SpoolFree))
	} else {
		plan.Checks = append(plan.Checks, proof.Room("of "+host+"'s engine", need.Engine, r.seen.FreeBytes))
	}
	verdict := proof.Judge(r.wanted, r.seen)
	plan.Live = proof.Current(r.spec, r.seen)
	plan.AlreadyLive = verdict.Status == proof.Proven || verdict.Status == proof.Degraded
	return plan, nil
}

// blocked turns the first check that does not hold into an error.
func blocked(checks []proof.Check) error {
	c, found := proof.Blocking(checks)
	if !found {
		return nil
	}
	f := fault.New(c.Reason, "%s %s", c.Name, c.Detail).WithHint("%s", c.Fix)
	f.Retry = c.Retry
	return f
}

func pendingFault(p *workload.Pending) error {
	if p.Failed != "" {
		return fault.New(fault.RevertFailed, "a change to %s by %s, begun %s, could not be taken back: %s",
			p.Change.Commit.Short(), p.Change.Holder, p.Since.Format("2006-01-02 15:04:05Z07:00"), p.Failed).
			WithHint("`%s` tries again, and prints the commands to type on the host where that fails", contract.RecoverCommand)
	}
	return fault.New(fault.ChangePending, "a change to %s by %s, begun %s, was never settled",
		p.Change.Commit.Short(), p.Change.Holder, p.Since.Format("2006-01-02 15:04:05Z07:00")).
		WithHint("the same command for that commit proves it; `unidesk-controller recover` takes it back")
}
