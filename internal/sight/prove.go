package sight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// renewEvery is how often a run reports to its host that it lives: three times in the
// lease of an agent.
const renewEvery = 10 * time.Second

// Waiting is how a proof waits.
type Waiting struct {
	// Timeout is the time until the answers must be good.
	Timeout time.Duration
	// Change is the unsettled change that is waited for, nil if there is none. The
	// connection may break meanwhile, and the host or another run may end the change.
	Change *workload.Change
	// Outage takes each look; nil for none.
	Outage *Outage
}

// Prove asks until the answers have been good, and the same, for long enough. It
// fails with NOT_PROVEN once waiting cannot help any more. It returns the last look, too.
func (w Workload) Prove(ctx context.Context, want proof.Wanted, wait Waiting) (verdict proof.Verdict, seen View, err error) {
	defer func() { err = workload.At(workload.PointProve, err) }()
	streak := proof.Streak{Stable: w.Stable}
	pause := time.NewTicker(min(time.Second, w.Stable/proof.Enough))
	defer pause.Stop()
	pulse, stop := newPulse()
	defer stop()
	deadline, away := time.Now().Add(wait.Timeout), time.Duration(0)
	outage := cmp.Or(wait.Outage, &Outage{})
	had, first := 0, wait.Change == nil // restarts of what ran before this wait are not of it
	for renewed := time.Now(); ; {
		if wait.Change != nil && time.Since(renewed) >= renewEvery {
			// A lease that is not renewed changes nothing here: what counts is asked next.
			_ = w.Host.Renew(ctx, w.Spec.Ref, wait.Change.ID)
			renewed = time.Now()
		}
		seen, err := w.ask(ctx, workload.PointProve, w.Look, true, wait.Change != nil, deadline)
		if lost := pulse.away() - away; lost > 0 { // there was no look meanwhile: the answers are counted anew
			streak, deadline, away = proof.Streak{Stable: w.Stable}, deadline.Add(lost), away+lost
			w.Report(workload.Event{Point: workload.PointProve, Text: "this process did not run for " + lost.Round(time.Second).String() + ": the proof begins anew"})
			continue // what was seen may be from before
		}
		if err == nil && wait.Change != nil {
			err = w.Ended(*wait.Change, seen)
		}
		if err != nil {
			return proof.Verdict{}, seen, err
		}
		verdict := proof.Judge(want, seen.Observation)
		outage.See(proof.Serves(verdict, seen.Observation), time.Now())
		if first {
			had, first = verdict.Restarts(), false
		}
		final := streak.Add(verdict, time.Now()) && (!verdict.OnlyFlags || time.Now().After(deadline)) // a flag has until then
		switch {
		case final && (verdict.Status == proof.Proven || verdict.Status == proof.Degraded):
			return verdict, seen, nil
		case final:
			return verdict, seen, notProven(verdict, "and stays so")
		case verdict.Status != proof.Proven && verdict.Status != proof.Degraded && time.Now().After(deadline):
			return verdict, seen, notProven(verdict, "after "+wait.Timeout.String())
		// Answers that come slowly are no answers that change: they are waited for.
		case time.Now().After(deadline.Add(2*w.Stable)) && streak.Broken().After(deadline):
			return verdict, seen, notProven(verdict, "and was not the same for "+w.Stable.String()+" on end")
		case verdict.Restarts()-had >= workload.CrashLoop:
			return verdict, seen, notProven(verdict, fmt.Sprintf("and it was restarted %d times", verdict.Restarts()))
		}
		text := streak.Progress(time.Until(deadline))
		if verdict.Status != proof.Proven && verdict.Status != proof.Degraded && wait.Change != nil {
			text = unproven(verdict.Reason(), outage, deadline)
		}
		w.Report(workload.Event{Point: workload.PointProve, Text: text})
		select {
		case <-pause.C:
		case <-ctx.Done():
			return verdict, seen, context.Cause(ctx)
		}
	}
}

// unproven describes a switched service that is not proven. The text changes every ten
// seconds only.
func unproven(reason string, outage *Outage, deadline time.Time) string {
	text := "waiting: " + reason
	if down, is := outage.Down(time.Now()); is {
		text += "; no good answer for " + down.Truncate(10*time.Second).String()
	}
	return text + "; the revert begins at " + plain.Clock(deadline) + " at the latest"
}

// ProveOld waits until the same image as before has run unchanged for long enough,
// or, if nothing ran before, until nothing does. A container that was down before
// must only be there again. What the host left as another writer made it is not
// compared. The outage, which may be nil, takes each look.
func (w Workload) ProveOld(ctx context.Context, before workload.Before, outage *Outage) (seen View, err error) {
	pause := time.NewTicker(min(time.Second, w.Stable/proof.Enough))
	defer pause.Stop()
	pulse, stop := newPulse()
	defer stop()
	began := time.Now()
	var first []workload.Copy
	var since time.Time
	for {
		deadline := began.Add(w.Timeout + pulse.away())
		if seen, err = w.ask(ctx, workload.PointSettle, w.LookPast, false, true, deadline); err != nil {
			return seen, err
		}
		back := proof.Back(w.Spec, before, seen.Observation)
		outage.See(back, time.Now())
		switch {
		case back && (before.Basis == "" || !before.Running):
			return seen, nil
		case back:
			if now := proof.Restored(seen.Observation); since.IsZero() || !slices.EqualFunc(first, now, sameRun) {
				first, since = now, time.Now()
			}
			if time.Since(since) >= w.Stable {
				return seen, nil
			}
		default:
			since = time.Time{}
		}
		// What came back in time has the time to stay.
		if limit := began.Add(w.Timeout + pulse.away()); time.Now().After(limit) && (!back || since.After(limit)) {
			return seen, fmt.Errorf("after %s: %s", w.Timeout, w.Describe(seen))
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return seen, context.Cause(ctx)
		}
	}
}

// ask observes. With again set, a connection that broke is no answer, and neither is an
// engine's silence: it is asked again until the wait is over.
func (w Workload) ask(ctx context.Context, p workload.Point, look func(context.Context, bool) (View, error), probe, again bool, until time.Time) (View, error) {
	for {
		seen, err := look(ctx, probe)
		if !again || !Cut(err) && (fault.ReasonOf(err) != fault.EngineUnavailable || !fault.Retryable(err)) || time.Now().After(until) {
			return seen, err
		}
		w.Report(workload.Event{Point: p, Text: "waiting: " + err.Error()})
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return seen, context.Cause(ctx)
		}
	}
}

// sameRun reports whether nothing restarted a copy meanwhile.
func sameRun(a, b workload.Copy) bool { return a.ID == b.ID && a.Restarts == b.Restarts }

func notProven(v proof.Verdict, how string) error {
	return fault.New(fault.NotProven, "%s, %s", cmp.Or(v.Reason(), "it is "+string(v.Status)), how)
}
