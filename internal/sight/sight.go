// Package sight is a workload on its host as a run sees it: what was seen and when,
// facts and a sentence about it, what became of a change, and whether the new version or
// the old version runs. It reads and changes nothing but the lease of a change that is
// waited for. The danger is an old look that is printed as what runs now: each
// sentence about what runs comes from a [View] and from nothing else.
//
// Files, from the top: prove.go, outage.go, pulse.go, fate.go, sight.go. A file uses those after it and none
// before:
//
//	prove  does the new version run, or the old version?
//	outage how long did the service not answer?
//	pulse  did this process run all the time?
//	fate   what became of a change on its host
//	sight  a workload on its host; what was seen, and when
package sight

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Workload is a workload on its host. It does not change.
type Workload struct {
	Spec workload.Spec
	Host workload.Target
	// HostName is the host's name in the catalog.
	HostName string
	// Built returns the commit that an instance's image was built from, "" if it is not known.
	Built func(workload.Instance) string
	// Unseen is why nothing that runs is looked at, "" if it is.
	Unseen string
	// Stable is how long answers must stay the same, Timeout is the time until they must
	// be good.
	Stable, Timeout time.Duration
	// Report receives what a wait is about.
	Report func(workload.Event)
}

// View is a look at a workload, with the local time of its request. The zero view is
// no look.
type View struct {
	workload.Observation
	asked time.Time
}

// Known reports whether the look succeeded.
func (v View) Known() bool { return !v.At.IsZero() }

// HostNow is the time by the host's clock, which its deadlines go by.
func (v View) HostNow() time.Time { return v.At.Add(time.Since(v.asked)) }

// Here returns a time of the host by the clock here.
func (v View) Here(at time.Time) time.Time { return at.Add(v.asked.Sub(v.At)).UTC() }

// Leased reports whether a change is pending whose run lives, as far as its host knows.
func (v View) Leased() bool { return v.Pending != nil && v.Pending.HeldUntil.After(v.HostNow()) }

// Look observes the workload; probe asks its health, too. A definition that its host
// cannot read is an error.
func (w Workload) Look(ctx context.Context, probe bool) (View, error) {
	seen, err := w.LookPast(ctx, probe)
	if err == nil && seen.Unread != nil {
		return View{}, seen.Unread
	}
	return seen, err
}

// LookPast is [Workload.Look] for what asks only what runs and how changes ended: a
// definition that cannot be read does not matter.
func (w Workload) LookPast(ctx context.Context, probe bool) (View, error) {
	asked := time.Now()
	seen, err := w.Host.Observe(ctx, w.Spec.Ref, probe)
	if err != nil {
		return View{}, err
	}
	for i, in := range seen.Instances {
		if w.Built != nil {
			seen.Instances[i].Commit = w.Built(in)
		}
	}
	if p := seen.Pending; p != nil && w.Built != nil && p.Before.Basis != "" && p.Before.Commit == "" {
		p.Before.Commit = w.Built(workload.Instance{ImageID: p.Before.ImageID, Config: p.Before.Config})
	}
	return View{seen, asked}, nil
}

// lookTime bounds a look after the end of a run.
const lookTime = 30 * time.Second

// LookAgain looks once more for the last word of a result, even if ctx has ended.
func (w Workload) LookAgain(ctx context.Context) (View, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	return w.LookPast(ctx, false)
}

// fresh is how old a look may be that is printed as what runs now.
const fresh = 10 * time.Second

// Now looks again, and returns what runs. If the look fails, what runs is not known, whatever
// was seen before.
func (w Workload) Now(ctx context.Context, before View) (View, workload.Running) {
	seen, err := w.LookAgain(ctx)
	if err != nil {
		return View{}, w.unknown(before, "could not be asked")
	}
	return seen, w.Running(seen)
}

// Running returns what runs, with the time at which it was seen. What was seen too long ago
// is not what runs now.
func (w Workload) Running(seen View) workload.Running {
	switch {
	case w.Unseen != "":
		return workload.NotKnown(w.HostName, "not checked: "+w.Unseen)
	case !seen.Known():
		return w.unknown(seen, "")
	case time.Since(seen.asked) > fresh:
		return w.unknown(seen, "was not asked again")
	}
	runs := w.Showed(seen)
	runs.Text += ", seen " + seen.when()
	return runs
}

// Showed returns what a look showed, however old it is.
func (w Workload) Showed(seen View) workload.Running {
	runs := seen.Runs()
	runs.Text, runs.Host, runs.Seen = w.Describe(seen), w.HostName, seen.asked.UTC()
	return runs
}

// Latest is Running, after another look if the last look is too old. After an error of a
// host that does not answer there is none.
func (w Workload) Latest(ctx context.Context, seen View, err error) workload.Running {
	switch {
	case w.Unseen != "" || seen.Known() && time.Since(seen.asked) <= fresh:
		return w.Running(seen)
	case Cut(err):
		return w.unknown(seen, "gives no answer")
	}
	_, runs := w.Now(ctx, seen)
	return runs
}

// unknown is the answer about a workload that could not be seen: why, and what was seen
// before.
func (w Workload) unknown(before View, why string) workload.Running {
	text := "its host's engine or project could not be read"
	switch {
	case before.Known():
		text = w.HostName + " " + why + "; at " + before.when() + " " + w.Describe(before)
	case w.Spec.Kubernetes != nil:
		text = "its host's cluster could not be read"
	}
	return workload.NotKnown(w.HostName, "not known: "+text)
}

// when is the time of the look by the clock here.
func (v View) when() string { return plain.Clock(v.asked) }

// Describe returns what a look showed. It is what runs only as long as the look is new:
// a result takes [Workload.Running].
func (w Workload) Describe(seen View) string { return w.Spec.Describe(seen.Observation) }

// Cut reports whether nothing answers for a workload: the way to its host broke, or the
// API server there is silent. The host may have done what it was asked.
func Cut(err error) bool {
	reason := fault.ReasonOf(err)
	return reason == fault.HostUnreachable || reason == fault.Stalled || reason == fault.KubernetesUnavailable && fault.Retryable(err)
}
