package deploy

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// session is a service in an environment, and its host. It does not change.
type session struct {
	*Config
	row   catalog.Row
	env   artifact.Env
	place catalog.Environment // the row's entry for env
	spec  workload.Spec
	host  workload.Target
}

func (d *Deployer) session(row catalog.Row, env artifact.Env) session {
	place := row.Environment(env)
	return session{
		Config: &d.config, row: row, env: env, place: place, spec: row.Spec(env, d.config.Project), host: d.target(place.Target.Host),
	}
}

// target returns the target on a host.
func (d *Deployer) target(host string) workload.Target {
	if t, ok := d.config.Targets[host]; ok {
		return t
	}
	return workload.Via(func(context.Context, workload.Ref) (workload.Target, error) {
		return nil, fault.New(fault.CapabilityMissing, "this controller cannot reach workloads on %s", host).
			WithHint("name the host in controller.yaml, and let its agent serve workloads")
	})
}

// name is the service's id.
func (s session) name() string { return s.row.Service.String() }

// history returns the service's receipts, newest first.
func (s session) history() ([]ledger.Receipt, error) {
	return s.Ledger.History(s.env, s.name())
}

// hostName is the name of the service's host in the catalog.
func (s session) hostName() string { return s.place.Target.Host }

// unseen returns why nothing that runs is looked at, "" if it is. A host need not
// know a service that no environment brings live there.
func (s session) unseen() string {
	switch t := s.place.Target; {
	case t.Compose == nil && t.Kubernetes == nil:
		return "it is infrastructure, which nothing here deploys"
	case !s.row.LiveOn(t.Host):
		return "no environment brings it live on " + t.Host
	}
	return ""
}

// view is a look at a workload, with the local time of its request. The zero view is
// no look.
type view struct {
	workload.Observation
	asked time.Time
}

// known reports whether the look succeeded.
func (v view) known() bool { return !v.At.IsZero() }

// hostNow is the time by the host's clock, which its deadlines go by.
func (v view) hostNow() time.Time { return v.At.Add(time.Since(v.asked)) }

// look observes the workload; probe asks its health, too.
func (s session) look(ctx context.Context, probe bool) (view, error) {
	asked := time.Now()
	seen, err := s.host.Observe(ctx, s.spec.Ref, probe)
	if err != nil {
		return view{}, err
	}
	return view{seen, asked}, nil
}

// lookTime bounds a look after the end of a run.
const lookTime = 30 * time.Second

// lookAgain looks once more for the last word of a result, even if ctx has ended.
func (s session) lookAgain(ctx context.Context) (view, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	return s.look(ctx, false)
}

// now returns what runs after something may have changed. If the look fails, what runs
// is not known, whatever was seen before.
func (s session) now(ctx context.Context, before view) (view, string) {
	seen, err := s.lookAgain(ctx)
	if err == nil || !before.known() {
		return seen, s.describe(seen)
	}
	return seen, "not known: " + s.hostName() + " could not be asked; before the switch " + s.describe(before)
}

// running describes what runs, or why the session did not look.
func (s session) running(seen view) string {
	if why := s.unseen(); why != "" {
		return "not looked at: " + why
	}
	return s.describe(seen)
}

// describe returns what a look showed, in words.
func (s session) describe(seen view) string {
	if !seen.known() {
		if s.spec.Kubernetes != nil {
			return "not known: its host's cluster could not be read"
		}
		return "not known: its host's engine or project could not be read"
	}
	return s.spec.Describe(seen.Instances)
}

// cut reports whether nothing answers for a workload: the way to its host broke, or the
// API server there is silent. The host may have done what it was asked.
func cut(err error) bool {
	reason := fault.ReasonOf(err)
	return reason == fault.HostUnreachable || reason == fault.Stalled || reason == fault.KubernetesUnavailable && fault.Retryable(err)
}

// elapsed is the wall time in seconds, with milliseconds.
func elapsed(since time.Time) float64 { return float64(time.Since(since).Milliseconds()) / 1000 }
