package deploy

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/diff"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// answerTime is how long Verify waits for good answers of a container that runs: it is
// not starting, so a container that does not answer by then is not well.
const answerTime = 10 * time.Second

// Verify checks whether what the newest receipt of a service proved still runs. It
// changes nothing, and answers soon: it does not wait for a container that does not
// run. While a deploy of the service goes on, it reports only that.
func (d *Deployer) Verify(ctx context.Context, env artifact.Env, name string) (out contract.Result) {
	defer func() { out.Service, out.Env = name, env }()
	row, err := d.config.Catalog.Row(name)
	if err != nil {
		return failed(err, contract.Ours("services"))
	}
	s := d.session(row, env)
	receipts, err := s.history()
	if err != nil {
		return failed(err, contract.Ours("doctor"))
	}
	last := ledger.LastKept(receipts)
	if last == nil {
		return failed(fault.New(fault.ReceiptNotFound, "no deploy of %s was ever proven in %s", name, env).
			WithHint("deploy it; the deploy proves it"), contract.LiveCommand(row, env, string(contract.AnyCommit)))
	}
	started := time.Now()
	defer func() { out.Seconds = elapsed(started) }()
	verdict, seen, err := s.still(ctx, last)
	return s.answer(s.stand(ctx, verdict, seen, err), last)
}

// Diff compares what is wanted with what was proven and what runs.
func (d *Deployer) Diff(ctx context.Context, env artifact.Env, all []contract.Candidate) (contract.Comparison, error) {
	return diff.Sources{Ledger: d.config.Ledger, Workload: d.Workload}.Compare(ctx, env, all)
}

func failed(err error, next contract.Command) (out contract.Result) {
	out.Fail(contract.DecidedFailed, workload.PointGuard, err)
	out.Failure.Next = next
	return out
}

// still proves again, once a first look has shown that there is something to prove.
func (s session) still(ctx context.Context, last *ledger.Receipt) (v proof.Verdict, seen sight.View, err error) {
	if holder := s.Ledger.Holder(s.env, s.name()); holder != "" {
		return v, seen, fault.Transient(fault.Locked, "%s", holder)
	}
	want := proof.Wanted{
		Spec: s.Spec, Image: artifact.Pinned{Commit: last.Commit, Config: last.Image.Config, Manifest: last.Image.Manifest},
		Labels: s.row.Labels(last.Commit), Composed: s.row.Witness == catalog.Composed, Stamps: last.Stamps,
	}
	if seen, err = s.Look(ctx, false); err != nil {
		return v, seen, err
	}
	if seen.Pending != nil {
		return v, seen, s.unsettledBy(seen)
	}
	if in := seen.Current(); in == nil || !in.Running {
		return proof.Judge(want, seen.Observation), seen, fault.New(fault.NotProven, "%s", s.Describe(seen))
	}
	v, seen, err = s.Prove(ctx, want, sight.Waiting{Timeout: min(answerTime, s.place.Timeout)})
	return v, seen, err
}

// standing compares what runs with what was proven.
type standing struct {
	verdict proof.Verdict
	kind    standingKind
	running workload.Running
	err     error // why it is not same
}

type standingKind int

const (
	same    standingKind = iota
	drifted              // something else runs, or it is not well
	pending              // a killed run has left a change
	busy                 // a deploy goes on: what was seen may be another thing by now
	unread               // the host could not be asked
	stopped              // a person stopped the question
)

// stand returns the result of the proof, by a second look if the proof failed.
func (s session) stand(ctx context.Context, verdict proof.Verdict, seen sight.View, err error) standing {
	if err == nil {
		return standing{verdict, same, s.Running(seen).As(verdict.Status == proof.Proven), nil}
	}
	if ctx.Err() != nil {
		err = fault.Transient(fault.Interrupted, "stopped before the answer; nothing was changed")
		return standing{kind: stopped, running: s.Running(seen), err: err}
	}
	if seen = (sight.View{}); !sight.Cut(err) {
		seen, _ = s.LookAgain(ctx)
	}
	st := standing{verdict, unread, s.Running(seen), err}
	holder := s.Ledger.Holder(s.env, s.name())
	switch {
	case holder != "":
		st.kind = busy
		st.err = fault.Transient(fault.Locked, "a run has %s (%s): %s", s.name(), s.env, holder).WithHint("ask again when it ends")
	case seen.Pending != nil:
		if st.kind, st.err = pending, s.unsettledBy(seen); fault.Retryable(st.err) {
			st.kind = busy
		}
	case fault.ReasonOf(err) == fault.NotProven:
		st.kind, st.running = drifted, st.running.As(false)
	}
	return st
}

// answer returns the result that a standing means.
func (s session) answer(st standing, last *ledger.Receipt) contract.Result {
	deploys := contract.LiveCommand(s.row, s.env, last.Commit.String())
	out := contract.Result{Receipt: last, Evidence: st.verdict.Findings, Running: st.running}
	out.Rollback, _ = contract.ParseCommand(last.Rollback) // a line that cannot be read is none
	fail := func(decision contract.Decision, point workload.Point, next contract.Command) contract.Result {
		out.Fail(decision, point, st.err)
		out.Failure.Next = next
		return out
	}
	again := contract.VerifyCommand(s.name(), s.env)
	switch st.kind {
	case drifted:
		return fail(contract.DecidedDrifted, workload.PointProve, deploys)
	case pending:
		return fail(contract.DecidedDrifted, workload.PointProve, contract.RecoverCommand())
	case busy:
		return fail(contract.DecidedBusy, workload.PointGuard, again)
	case stopped:
		return fail(contract.DecidedInterrupted, workload.PointProve, again)
	case unread:
		return fail(contract.DecidedFailed, workload.PointProve, again)
	}
	out.OK, out.Decision = true, contract.DecidedUnchanged
	if st.verdict.Status == proof.Degraded {
		out.OK, out.Decision = false, contract.DecidedDegraded
		out.Hints = s.row.HintsWith("`" + deploys.String() + "`")
	}
	return out
}
