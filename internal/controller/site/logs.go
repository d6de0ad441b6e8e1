package site

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const (
	// followEvery is the pause between two requests for new output, lookEvery the number of
	// requests between two looks at which instance runs.
	followEvery = time.Second
	lookEvery   = 5
	// followLines is the most lines of a request.
	followLines = 1000
	// followGone is how long a service may have no instance: a deploy replaces it.
	followGone = time.Minute
)

// Logs returns the end of what the service prints, without secrets, and the instance that
// printed it. CAPABILITY_MISSING if tail goes by a time and the host is of a version that
// does not.
func (p *Place) Logs(ctx context.Context, tail workload.Tail) (workload.Instance, workload.Output, error) {
	in, err := p.speaker(ctx)
	if err != nil {
		return in, workload.Output{}, err
	}
	out, err := p.Target.Logs(ctx, p.Spec.Ref, in.ID, tail)
	if err == nil && !tail.After.IsZero() && out.Until.IsZero() {
		err = fault.New(fault.CapabilityMissing, "the agent on %s is of a version that knows no time of an output", p.Host).
			WithHint("update it; until then, the last lines: the same command without --since and --follow")
	}
	return in, out, err
}

// Follow gives each what the service prints later than out, the output of in by
// [workload.Always] or a later time, until ctx ends or each fails. When another instance
// takes the place of in, each is given its output from the beginning.
func (p *Place) Follow(ctx context.Context, in workload.Instance, out workload.Output, each func(workload.Instance, []string) error) error {
	until := map[string]time.Time{in.ID: out.Until}
	gone := time.Time{} // since when there is no instance
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(followEvery):
		}
		if n%lookEvery == 0 || !gone.IsZero() {
			now, err := p.speaker(ctx)
			if absent(err, &gone) {
				continue
			}
			if err != nil {
				return err
			}
			in = now
		}
		after, known := until[in.ID]
		if !known {
			after = workload.Always()
		}
		next, err := p.Target.Logs(ctx, p.Spec.Ref, in.ID, workload.Tail{Lines: followLines, After: after})
		if absent(err, &gone) {
			continue
		}
		if err != nil {
			return err
		}
		gone, until[in.ID] = time.Time{}, next.Until
		if err := each(in, next.Lines); err != nil {
			return err
		}
	}
}

// absent reports whether err means that the instance is gone, and not for long: since gone,
// which it sets.
func absent(err error, gone *time.Time) bool {
	if fault.ReasonOf(err) != fault.WorkloadNotFound {
		return false
	}
	if gone.IsZero() {
		*gone = time.Now()
	}
	return time.Since(*gone) < followGone
}

// speaker returns the instance whose output is meant.
func (p *Place) speaker(ctx context.Context) (workload.Instance, error) {
	seen, err := p.Target.Observe(ctx, p.Spec.Ref, false)
	if err != nil {
		return workload.Instance{}, err
	}
	return speaking(p.Spec, seen)
}

// speaking returns the instance whose output is meant: the service's own instance, or
// of several the instance in trouble. If an interrupted switch left it under another
// name, speaking returns the newest instance.
func speaking(spec workload.Spec, seen workload.Observation) (workload.Instance, error) {
	if in := seen.Troubled(); in != nil {
		return *in, nil
	}
	if len(seen.Instances) > 0 {
		return seen.Instances[0], nil
	}
	return workload.Instance{}, fault.New(fault.WorkloadNotFound, "there is no container of %s: it was never started, or was removed", spec.Display()).
		WithHint("`unidesk-controller history` lists what was deployed")
}
