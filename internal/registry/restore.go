package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// restoreWithin bounds putting things back, which goes on when the caller is gone.
const restoreWithin = 3 * time.Minute

// acted reports whether anything was done that must be undone.
func (i *installation) acted() bool {
	return len(i.written) > 0 || i.reloaded || i.enabled || i.restarted
}

// failed puts things back and returns the error that reports it.
func (i *installation) failed(ctx context.Context, at Planned, cause error, emit func(Progress)) error {
	f := &fault.Error{Reason: fault.ReasonOf(cause), Retry: fault.Retryable(cause), Hint: fault.HintOf(cause), Action: fault.ActionOf(cause)}
	if !i.acted() {
		f.Err = fmt.Errorf("%s %s: %w; nothing was changed", word(at.Step), at.Target, cause)
		return f
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreWithin)
	defer cancel()
	if lost := i.restore(ctx); lost != nil {
		f.Retry = false
		f.Err = fmt.Errorf("%s %s: %w; putting back what was there failed too: %w", word(at.Step), at.Target, cause, lost)
		return f
	}
	emit(Progress{Step: StepRestore, Target: Unit, Changed: true})
	f.Err = fmt.Errorf("%s %s: %w; what was there before is put back", word(at.Step), at.Target, cause)
	return f
}

// word is a step's name in a sentence.
func word(s Step) string { return strings.ToLower(string(s)) }

// restore undoes what was done. It tries everything, and returns what it could not.
func (i *installation) restore(ctx context.Context) error {
	var lost []error
	try := func(what string, err error) {
		if err != nil {
			lost = append(lost, fmt.Errorf("%s: %w", what, err))
		}
	}
	// A container that only the new unit knows how to remove is removed before it
	// forgets how.
	ran := i.ranBefore()
	if i.restarted && !ran {
		try("stop "+Unit, i.host.Stop(ctx, Unit))
		if c := i.before.Container; c != nil && c.State == "running" {
			try("container "+c.ID, errors.New("it ran and was not the unit's; nothing here can start it again"))
		}
	}
	if i.enabled {
		try("disable "+Unit, i.host.Disable(ctx, Unit))
	}
	for _, r := range slices.Backward(i.written) {
		if r.old == nil {
			try("remove "+r.path, i.host.RemoveFile(ctx, r.path))
			continue
		}
		err := i.host.WriteFile(ctx, r.path, r.old)
		try("write "+r.path, err)
		if err == nil && r.kept != "" { // else the copy is what there is to go back to
			try("remove "+r.kept, i.host.RemoveFile(ctx, r.kept))
		}
	}
	if i.unit {
		try("reload systemd", i.host.Reload(ctx))
	}
	if i.restarted && ran {
		try("start "+Unit, i.host.Restart(ctx, Unit))
	}
	return errors.Join(lost...)
}

// ranBefore reports whether the files that were there made something that ran: the
// unit, or a container of theirs that a person started by hand.
func (i *installation) ranBefore() bool {
	if i.before.Unit.Load != "loaded" {
		return false
	}
	c := i.before.Container
	return i.before.Unit.Active == "active" || c != nil && c.State == "running" && c.Project == Project
}
