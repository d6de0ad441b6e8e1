package site

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Logs are the last lines of what the service prints, without secrets, and the
// instance that printed them.
func (p *Place) Logs(ctx context.Context, lines int) (workload.Instance, []string, error) {
	seen, err := p.Target.Observe(ctx, p.Spec.Ref, false)
	if err != nil {
		return workload.Instance{}, nil, err
	}
	in, err := speaking(p.Spec, seen)
	if err != nil {
		return in, nil, err
	}
	printed, err := p.Target.Logs(ctx, p.Spec.Ref, in.ID, lines)
	return in, printed, err
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
