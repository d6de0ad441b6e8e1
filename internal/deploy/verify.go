package deploy

import (
	"context"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Verify asks whether what the newest receipt of a service proved is still what
// runs. It changes nothing.
func (d *Deployer) Verify(ctx context.Context, env catalog.Env, name string) (result Result) {
	row, err := d.Catalog.Row(name)
	if err != nil {
		return failed(err)
	}
	receipts, err := d.Ledger.History(string(env), name)
	if err != nil {
		return failed(err)
	}
	i := slices.IndexFunc(receipts, func(r ledger.Receipt) bool {
		return r.Outcome == ledger.Succeeded || r.Outcome == ledger.Degraded
	})
	if i < 0 {
		return failed(fault.New(fault.ReceiptNotFound, "no receipt says that %s was ever proven in %s", name, env).
			WithHint("deploy it; the deploy proves it"))
	}
	last := &receipts[i]
	r := d.begin(Contract{Service: row.Service, Env: env, Commit: last.Commit, row: row}, false)
	defer func() { result.elapsed(r.started) }()
	r.result.Contract = nil
	r.result.Receipt = last
	r.result.Rollback = last.Rollback
	verdict, err := r.prove(ctx, proof.Wanted{
		Spec: r.spec, Commit: last.Commit, Config: last.Image.Config, Manifest: last.Image.Manifest,
		Labels: row.Labels(last.Commit), Composed: row.Witness == catalog.Composed,
	})
	if !cut(err) {
		r.lookAgain(ctx)
	}
	r.result.Evidence, r.result.Running = verdict.Findings, describe(r.spec, r.seen)
	if err != nil && fault.ReasonOf(err) != fault.NotProven { // it could not be looked at
		return r.refused(DecidedFailed, err)
	}
	if err != nil {
		r.result.fail(DecidedDrifted, workload.PointProve, err)
		r.result.Failure.Next = liveCommand(row, r.Env, last.Commit.String())
		if r.seen.Pending != nil {
			r.result.Failure.Next = recoverCommand
		}
		return r.result
	}
	r.result.OK, r.result.Decision = true, DecidedUnchanged
	if verdict.Status == proof.Degraded {
		r.result.OK, r.result.Decision, r.result.Hints = false, DecidedDegraded, row.Hints
	}
	return r.result
}

func failed(err error) Result {
	var r Result
	r.fail(DecidedFailed, workload.PointGuard, err)
	r.Failure.Next = "unidesk-controller history"
	return r
}
