package confirm

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Settle implements [workload.Target]. Once it has the lock it ends what it has
// begun, whether its caller still waits or not.
func (t *Target[S]) Settle(ctx context.Context, ref workload.Ref, s workload.Settlement, emit func(workload.Event)) error {
	if err := check(ref); err != nil {
		return err
	}
	if s.Outcome != workload.Keep && s.Outcome != workload.Revert {
		return fault.New(fault.InvalidRequest, "%q is not an outcome", s.Outcome)
	}
	stop := ctx.Done()
	return t.locked(ctx, ref, func(ctx context.Context, lock *os.File) error {
		r, last, err := t.store.load(ref)
		if err != nil {
			return err
		}
		if r == nil || r.Change.ID != s.ChangeID {
			if err := t.settled(ref, r, last, s); err != nil || r != nil {
				return err
			}
			if spec, err := t.runtime.Placement(ref); err == nil { // a crash may have left it undone
				t.letGo(ctx, spec, s.Retire, emit)
			}
			return nil
		}
		if s.Outcome == workload.Revert {
			return t.revert(ctx, stop, *r, lock, emit)
		}
		if err := t.proven(ctx, *r, s.Proven); err != nil {
			return err
		}
		if err := t.store.settle(ref, outcome(r.Change, workload.Keep, nil)); err != nil {
			return err
		}
		t.leases.end(r.Change.ID)
		t.letGo(ctx, r.Spec, s.Retire, emit)
		return nil
	})
}

// letGo retires images. The change is settled already, so that an error about older images
// is only a warning.
func (t *Target[S]) letGo(ctx context.Context, spec workload.Spec, commits []artifact.Commit, emit func(workload.Event)) {
	if err := t.runtime.Retire(ctx, spec, commits, emit); err != nil {
		emit(workload.Event{Point: workload.PointSettle, Warning: true, Text: fmt.Sprintf("older images stay: %v; the next deploy tries again", err)})
	}
}

// proven refuses to keep what was not proven: between the proof and the lock another
// copy may have taken the place of the copy that the caller looked at. A pod that came
// since must be of a proven ReplicaSet and run the change's image: a name may mean another
// image by now.
func (t *Target[S]) proven(ctx context.Context, r record[S], want []workload.Copy) error {
	if len(want) == 0 {
		return fault.New(fault.InvalidRequest, "a change is kept with the copies that were proven, and the request names none")
	}
	if err := t.runtime.Holds(ctx, r.Spec, r.Change, r.State); err != nil {
		return err
	}
	seen, err := t.runtime.Observe(ctx, r.Change.Ref, false)
	if err != nil {
		return err
	}
	if seen.Unread != nil {
		return seen.Unread
	}
	run := slices.DeleteFunc(seen.Present(), func(in workload.Instance) bool { return !in.Running })
	other := slices.ContainsFunc(run, func(in workload.Instance) bool {
		if i := slices.IndexFunc(want, func(c workload.Copy) bool { return c.ID == in.ID }); i >= 0 {
			return !want[i].Equal(in.Copy())
		}
		return !in.Is(r.Change.Image) || !slices.ContainsFunc(want, func(c workload.Copy) bool { return c.Stands(in) })
	})
	if other || slices.ContainsFunc(want, func(c workload.Copy) bool { return !slices.ContainsFunc(run, c.Stands) }) {
		return fault.Transient(fault.Stale, "what runs is not what was proven: something recreated, restarted or stopped it meanwhile")
	}
	return nil
}

// expire reverts a change whose time is over. took is false if the change was settled, or
// got more time, before the lock was free.
func (t *Target[S]) expire(ctx context.Context, change workload.Change, emit func(workload.Event)) (took bool, err error) {
	ref, stop := change.Ref, ctx.Done()
	err = t.locked(ctx, ref, func(ctx context.Context, lock *os.File) error {
		r, _, err := t.store.load(ref)
		if err != nil || r == nil || r.Change.ID != change.ID || !r.Change.Deadline.Equal(change.Deadline) {
			return err
		}
		took = true
		return t.revert(ctx, stop, *r, lock, emit)
	})
	return took, err
}

// locked calls do, which ends a change, under the workload's lock. Once it has the lock, do
// goes on whether the caller still waits or not.
func (t *Target[S]) locked(ctx context.Context, ref workload.Ref, do func(context.Context, *os.File) error) error {
	lock, err := t.lock(ctx, ref)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.Patience)
	defer cancel()
	return do(ctx, lock)
}

// settled returns the answer of Settle about a change that is not under way.
func (t *Target[S]) settled(ref workload.Ref, r *record[S], last *workload.Settled, s workload.Settlement) error {
	switch {
	case last == nil || last.ChangeID != s.ChangeID:
		return fault.New(fault.ChangeNotFound, "%s has no change %s", ref, s.ChangeID)
	case last.Outcome != s.Outcome:
		return fault.New(fault.Stale, "change %s was %s already", s.ChangeID, last.Outcome)
	case r == nil:
		return t.store.tidy(ref) // a crash may have left the pending file
	default:
		return nil
	}
}

// revert reverts the change and writes down how that ended. stop ends a wait for a
// runtime that does not answer.
func (t *Target[S]) revert(ctx context.Context, stop <-chan struct{}, r record[S], lock *os.File, emit func(workload.Event)) error {
	if err := t.barred(r.Change.Ref); err != nil {
		return fault.New(fault.RevertFailed, "nothing was touched, this account cannot revert the change to %s: %w", r.Change.Image.Commit.Short(), err).
			WithHint("%s", fault.HintOf(err)).WithAction(fault.RecoverAsRoot)
	}
	var left []workload.Left
	err := t.restore(ctx, stop, r, lock, func(e workload.Event) {
		if l := (workload.Left{Unit: e.Unit, Why: e.Text}); e.Warning && !slices.Contains(left, l) {
			left = append(left, l)
		}
		emit(e)
	})
	if err == nil {
		t.leases.end(r.Change.ID)
		return t.store.settle(r.Change.Ref, outcome(r.Change, workload.Revert, left))
	}
	r.Failed = err.Error()
	failed := fault.New(fault.RevertFailed, "what ran before %s could not be brought back: %w", r.Change.Image.Commit.Short(), err)
	if err := t.store.save(r.Change.Ref, r); err != nil {
		failed.Err = fmt.Errorf("%w (and this could not be written down: %w)", failed.Err, err)
	}
	failed.Retry = fault.Retryable(err)
	failed.Hint, failed.Action = fault.HintOf(err), fault.ActionOf(err)
	return failed
}

// barred returns why this account could not end a revert that it begins: what it may not
// write is found before anything is touched. Root's watch reverts the change.
func (t *Target[S]) barred(ref workload.Ref) error {
	if err := t.store.barred(ref); err != nil {
		return err
	}
	if b, ok := any(t.runtime).(Barring); ok {
		return b.Barred()
	}
	return nil
}

// restore reverts the change. A runtime that does not answer is asked again, until ctx
// or the wait ends: an engine that crashed comes back by itself.
func (t *Target[S]) restore(ctx context.Context, stop <-chan struct{}, r record[S], lock *os.File, emit func(workload.Event)) error {
	for last := error(nil); ; {
		err := t.runtime.Restore(ctx, r.Spec, r.Change, r.State, lock, emit)
		switch {
		case err != nil && last != nil && ctx.Err() != nil:
			return last // err is that the time is over
		case !silent(err):
			return err
		case last == nil:
			emit(workload.Event{Point: workload.PointSettle, Text: fmt.Sprintf("waiting for up to %s until what ran can be brought back: %v", t.Patience, err)})
		}
		last = err
		select {
		case <-ctx.Done():
			return last
		case <-stop:
			return last
		case <-time.After(again):
		}
	}
}

// again is the pause between two tries of a runtime that does not answer.
const again = time.Second

// silent reports whether an error is that of a runtime that does not answer now.
func silent(err error) bool {
	reason := fault.ReasonOf(err)
	return fault.Retryable(err) && (reason == fault.EngineUnavailable || reason == fault.KubernetesUnavailable)
}

func outcome(c workload.Change, o workload.Outcome, left []workload.Left) workload.Settled {
	return workload.Settled{ChangeID: c.ID, Commit: c.Image.Commit, Outcome: o, At: time.Now().UTC(), Left: left}
}
