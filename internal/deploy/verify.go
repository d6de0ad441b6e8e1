package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// answerTime is how long Verify waits for good answers of a container that runs:
// nothing is coming up, so that what does not answer by then is the answer.
const answerTime = 10 * time.Second

// Verify asks whether what the newest receipt of a service proved is still what
// runs. It changes nothing, and answers soon: a container that does not run is not
// waited for, and while a deploy of the service goes on it says no more than that.
func (d *Deployer) Verify(ctx context.Context, env catalog.Env, name string) (result contract.Result) {
	defer func() { result.Service, result.Env = name, env }()
	row, err := d.Catalog.Row(name)
	if err != nil {
		return failed(err, "unidesk-controller services")
	}
	receipts, err := d.Ledger.History(string(env), name)
	if err != nil {
		return failed(err, "unidesk-controller doctor")
	}
	i := slices.IndexFunc(receipts, func(r ledger.Receipt) bool {
		return r.Outcome == ledger.Succeeded || r.Outcome == ledger.Degraded
	})
	if i < 0 {
		return failed(fault.New(fault.ReceiptNotFound, "no receipt says that %s was ever proven in %s", name, env).
			WithHint("deploy it; the deploy proves it"), contract.LiveCommand(row, env, contract.CommitPlaceholder))
	}
	last := &receipts[i]
	r := d.begin(row, contract.Contract{Service: row.Service, Env: env, Commit: last.Commit}, false)
	defer func() { result.Seconds = elapsed(r.started) }()
	r.patience = min(answerTime, r.environment().Timeout)
	r.result.Contract = nil
	r.result.Receipt = last
	r.result.Rollback = last.Rollback
	verdict, err := r.still(ctx, proof.Wanted{
		Spec: r.spec, Commit: last.Commit, Config: last.Image.Config, Manifest: last.Image.Manifest,
		Labels: row.Labels(last.Commit), Composed: row.Witness == catalog.Composed,
	})
	again := fmt.Sprintf("unidesk-controller verify --service %s --env %s", name, env)
	if ctx.Err() != nil {
		r.result = r.refused(contract.DecidedInterrupted, fault.Transient(fault.Interrupted, "stopped before the answer; nothing was changed"))
		r.result.Failure.Next = again
		return r.result
	}
	if err != nil && !cut(err) {
		r.lookAgain(ctx)
	}
	r.result.Evidence, r.result.Running = verdict.Findings, describe(r.spec, r.seen)
	if err == nil {
		r.result.Running = describeInstance(r.spec, verdict.Instance)
	}
	holder := r.Ledger.Holder(string(env), name)
	switch pending := r.seen.Pending; {
	case err == nil:
	case holder != "": // whatever was seen may be another thing by now
		r.result.Fail(contract.DecidedBusy, workload.PointGuard,
			fault.Transient(fault.Locked, "a run has %s (%s): %s", name, env, holder).WithHint("ask again when it ends"))
		r.result.Failure.Next = again
		return r.result
	case pending != nil:
		r.result.Fail(contract.DecidedDrifted, workload.PointProve, pendingFault(pending))
		r.result.Failure.Next = contract.RecoverCommand
		return r.result
	case fault.ReasonOf(err) == fault.NotProven:
		r.result.Fail(contract.DecidedDrifted, workload.PointProve, err)
		r.result.Failure.Next = contract.LiveCommand(row, r.Env, last.Commit.String())
		return r.result
	default: // it could not be looked at
		r.result = r.refused(contract.DecidedFailed, err)
		r.result.Failure.Next = again
		return r.result
	}
	r.result.OK, r.result.Decision = true, contract.DecidedUnchanged
	if verdict.Status == proof.Degraded {
		r.result.OK, r.result.Decision = false, contract.DecidedDegraded
		deploys := "`" + contract.LiveCommand(row, env, last.Commit.String()) + "`"
		for _, hint := range row.Hints { // they are said after a deploy, too, where it is the same
			r.result.Hints = append(r.result.Hints, strings.ReplaceAll(hint, "the same command", deploys))
		}
	}
	return r.result
}

// still proves, once a first look has shown that there is something to prove.
func (r *deployment) still(ctx context.Context, want proof.Wanted) (proof.Verdict, error) {
	r.at = workload.PointProve
	if holder := r.Ledger.Holder(string(r.Env), r.Service.String()); holder != "" {
		return proof.Verdict{}, fault.Transient(fault.Locked, "%s", holder)
	}
	seen, err := r.host.Observe(ctx, r.spec, false)
	if err != nil {
		return proof.Verdict{}, err
	}
	r.seen = seen
	if p := seen.Pending; p != nil {
		return proof.Verdict{}, pendingFault(p)
	}
	if in := proof.Current(r.spec, seen); in == nil || !in.Running {
		return proof.Judge(want, seen), fault.New(fault.NotProven, "%s", describeInstance(r.spec, in))
	}
	return r.prove(ctx, want)
}

func failed(err error, next string) contract.Result {
	var r contract.Result
	r.Fail(contract.DecidedFailed, workload.PointGuard, err)
	r.Failure.Next = next
	return r
}
