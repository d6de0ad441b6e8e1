package confirm

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Switch implements [workload.Target].
func (t *Target[S]) Switch(ctx context.Context, change workload.Change, emit func(workload.Event)) error {
	if err := check(change.Ref); err != nil {
		return err
	}
	if change.ID == "" || change.Image.Commit.IsZero() || change.Image.Config.IsZero() {
		return fault.New(fault.InvalidRequest, "a change needs an id, a commit and a config digest")
	}
	ref := change.Ref
	// A change that another caller has under way is reported at once, not after a wait
	// for its lock.
	if r, _, err := t.store.load(ref); err != nil {
		return err
	} else if r != nil && r.Change.ID != change.ID {
		return t.pendingFault(r.Change)
	}
	lock, err := t.lock(ctx, ref)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	r, err := t.begin(ctx, change, emit)
	if err != nil {
		return err
	}
	defer t.leases.hold(change.ID)()
	r.Change.Values = change.Values // which no record has
	return t.runtime.Apply(ctx, r.Spec, r.Change, r.State, lock, emit)
}

// begin returns the record of the change: the existing record, or a new one, durable
// before anything is touched.
func (t *Target[S]) begin(ctx context.Context, change workload.Change, emit func(workload.Event)) (*record[S], error) {
	ref := change.Ref
	r, last, err := t.store.load(ref)
	switch {
	case err != nil:
		return nil, err
	case r != nil && r.Change.ID != change.ID:
		return nil, t.pendingFault(r.Change)
	case r != nil && (r.Change.Image.Commit != change.Image.Commit || r.Change.Image.Config != change.Image.Config):
		return nil, fault.New(fault.InvalidRequest, "change %s is to %s and not to %s", change.ID, r.Change.Image.Commit.Short(), change.Image.Commit.Short())
	case r != nil:
		if later := change.Deadline.After(r.Change.Deadline); later || r.Failed != "" {
			r.Failed = ""
			if later {
				r.Change.Deadline, r.Change.Holder = change.Deadline, change.Holder // the proof begins anew
			}
			if err := t.store.save(ref, *r); err != nil {
				return nil, err
			}
		}
		emit(workload.Event{Point: workload.PointBefore, Text: "going on with the change of " + plain.Stamp(r.Since)})
		return r, nil
	case last != nil && last.ChangeID == change.ID:
		return nil, fault.New(fault.Stale, "change %s was %s already", change.ID, last.Outcome)
	}
	if now := t.Now(); !change.Deadline.IsZero() && !now.Before(change.Deadline) {
		return nil, fault.New(fault.InvalidRequest, "the change would be reverted at once: its time ended at %s, and it is %s here",
			plain.Stamp(change.Deadline), plain.Stamp(now)).
			WithHint("the two hosts' clocks differ: set them by NTP (timedatectl tells whether they are)")
	}
	spec, err := t.runtime.Placement(ref)
	if err != nil {
		return nil, err
	}
	before, state, err := t.runtime.Snapshot(ctx, spec, change)
	if err != nil {
		return nil, err
	}
	if before.Basis != change.Basis {
		return nil, fault.New(fault.Stale, "what is there is %s, the plan was made for %s", shown(before.Basis), shown(change.Basis)).
			WithHint("somebody changed it meanwhile: run the same command again, it makes a new plan")
	}
	r = &record[S]{Spec: spec, Change: change, Since: t.Now().UTC(), Before: before, State: state}
	if err := t.store.save(ref, *r); err != nil {
		return nil, err
	}
	emit(workload.Event{Point: workload.PointBefore, Text: "what runs now is written down: " + shown(before.Basis)})
	return r, nil
}

// pendingFault names who holds the change, and until when: the end of its run's lease, or
// else the change's deadline.
func (t *Target[S]) pendingFault(c workload.Change) error {
	until := c.Deadline
	if t.Lease > 0 {
		until = t.leases.until(c.ID, t.Lease)
	}
	held := ""
	if !until.IsZero() {
		held = " until " + plain.Clock(until) + " at least"
	}
	return fault.Transient(fault.ChangePending, "a change to %s is not confirmed yet: it is held%s by %s", c.Image.Commit.Short(), held, c.Holder).
		HeldBy(c.Holder, until).WithHint("let it end, or revert it").WithAction(fault.Recover)
}

func shown(basis workload.Basis) string {
	if basis == "" {
		return "none"
	}
	return workload.ShortID(string(basis))
}
