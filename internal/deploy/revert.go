package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// How many of a failed container's last lines are read, and how many a result shows.
const (
	readLines  = 100
	shownLines = 20
)

// revert settles the change with Revert and waits until the old version is seen to run.
// It does nothing if another run ended the change, and does not wait for the old version
// once another run has made a change of its own.
func (r *run) revert(ctx context.Context, change workload.Change, before workload.Before) error {
	if became, seen := r.FateOf(ctx, change); became == sight.Unmade || became == sight.Reverted && r.Superseded(change, seen) {
		return nil
	}
	settlement := workload.Settlement{ChangeID: change.ID, Outcome: workload.Revert}
	r.outage.PutBack(time.Now())
	err := r.log.During(workload.PointSettle, func(emit func(workload.Event)) error {
		return r.Host.Settle(ctx, r.Spec.Ref, settlement, emit)
	})
	if sight.Cut(err) {
		if became, _ := r.FateOf(ctx, change); became == sight.Reverted {
			err = nil // only the answer was lost
		}
	}
	if err != nil && undone(err) {
		unwritten := err
		if _, err = r.ProveOld(ctx, before, &r.outage); err != nil {
			return workload.At(workload.PointSettle, fmt.Errorf("%w; and %w", unwritten, err))
		}
		r.warnings = append(r.warnings, fmt.Sprintf("what ran before runs again, and %s could not write that down: %s; repair that, then `%s` ends the change",
			r.HostName, unwritten, contract.RecoverCommand()))
	} else if err == nil {
		var seen sight.View
		if seen, err = r.ProveOld(ctx, before, &r.outage); err != nil && seen.Known() && r.Superseded(change, seen) {
			err = nil // another run answers for what runs
		}
		r.warnings = append(r.warnings, seen.Last.Warnings(change.ID)...)
	}
	if err != nil {
		return workload.At(workload.PointSettle, err)
	}
	r.log.Reach(workload.PointSettle, "reverted")
	return nil
}

// undone reports whether the error of a revert leaves open whether the old version runs:
// the error is not that it could not be brought back, and a retry may not help. A host
// that could not write down what it did returns such an error.
func undone(err error) bool {
	return !sight.Cut(err) && fault.ReasonOf(err) != fault.RevertFailed && !fault.Retryable(err)
}

// logs returns the last lines of the container that the change made, "" if it made none, and
// whether that container ended by itself and was started again.
func (s session) logs(ctx context.Context, change workload.Change) (lines []string, crashed bool) {
	seen, err := s.Look(ctx, false)
	if err != nil {
		return nil, false
	}
	in := seen.Troubled()
	if in == nil || workload.Basis(in.ID) == change.Basis || in.Stamped[workload.KeyCommit] != change.Image.Commit.String() {
		return nil, false
	}
	printed, err := s.Host.Logs(ctx, s.Spec.Ref, in.ID, workload.Tail{Lines: readLines})
	if lines = printed.Lines; err != nil {
		lines = []string{"(its output could not be read: " + strings.TrimSpace(err.Error()) + ")"}
	}
	return ledger.LastLogs(lines), in.Restarts > 0
}

// held refuses a change whose run lives, unless this run takes it over.
func (r *run) held(seen sight.View) error {
	if r.TakeOver || !r.leased(seen) {
		return nil
	}
	return contract.Held(seen.Pending)
}

// endLeft reverts a change that its run left unsettled, and writes its receipt.
func (r *run) endLeft(ctx context.Context, p *workload.Pending) error {
	logs, _ := r.logs(ctx, p.Change)
	if err := r.revert(ctx, p.Change, p.Before); err != nil {
		return fault.New(fault.RevertFailed, "revert the unconfirmed change to %s: %w", p.Change.Image.Commit.Short(), err)
	}
	_, err := r.Ledger.Record(r.leftReceipt(p, logs))
	return workload.At(workload.PointRecord, err)
}

// finishReceipts puts receipts that a run left pending into force. The host reports how
// the change ended: kept, or else reverted. If the host reverted a change by itself,
// that gets a receipt, too.
func (s session) finishReceipts(seen sight.View) (done []ledger.Receipt, err error) {
	if !seen.Known() {
		return nil, nil // what became of a change is not known, either
	}
	pending, err := s.Ledger.Pending()
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, receipt := range pending {
		if receipt.Service != s.row.Service || receipt.Env != s.env {
			continue
		}
		if p := seen.Pending; p != nil && p.Change.ID == receipt.ID {
			continue // unsettled: the run that settles it writes the receipt anew
		}
		last := seen.Last
		if last == nil || last.ChangeID != receipt.ID || last.Outcome != workload.Keep {
			receipt.Outcome, receipt.Failure = ledger.Reverted, abandoned
		}
		receipt.Warnings = last.Warnings(receipt.ID)
		receipt, err := s.Ledger.Record(receipt)
		faults, done = append(faults, err), append(done, receipt)
	}
	last := seen.Last
	if last == nil || last.Outcome != workload.Revert {
		return done, errors.Join(faults...)
	}
	receipts, err := s.history()
	told := func(one ledger.Receipt) bool { // that the change ended, not that its revert failed
		return (one.ID == last.ChangeID || one.Change == last.ChangeID) && one.Outcome != ledger.RevertFailed
	}
	if err == nil && !slices.ContainsFunc(receipts, told) {
		var receipt ledger.Receipt
		receipt, err = s.Ledger.Record(s.tookBack(last.ChangeID, last.Commit, last.At, seen.Here(last.At), last.Warnings(last.ChangeID)))
		done = append(done, receipt)
	}
	return done, errors.Join(append(faults, err)...)
}
