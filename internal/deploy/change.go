package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const (
	// switchTime is the time for tags, env file and Compose, beside the proof and the old
	// container's stop, or for a rollout, beside its own deadline.
	switchTime = 3 * time.Minute
	// cleanUp bounds work that goes on after a person stops the run: as long as a host may
	// take to settle.
	cleanUp = 15 * time.Minute
)

// run is a pass that may change the host. Its id names its change and its receipt.
type run struct {
	session
	id      string
	commit  artifact.Commit // the zero value when it only recovers
	started time.Time
	outage  sight.Outage
	// warnings are about what this run brings live beside the commit, and about what the last
	// revert left as another writer made it.
	warnings []string
}

// begin begins a run, whose lines a journal keeps.
func begin(s session, commit artifact.Commit) *run {
	now := time.Now()
	id := ledger.NewID(now)
	return &run{session: s.tracked(id, commit), id: id, commit: commit, started: now}
}

// ended passes on how the run ended, and returns its result.
func (r *run) ended(out contract.Result) contract.Result {
	r.log.Ended(out.End())
	return out
}

// holder returns this run's name for other runs.
func (r *run) holder() string {
	what := "recover"
	if r.commit != (artifact.Commit{}) {
		what = "deploy of " + r.commit.String()
	}
	return fmt.Sprintf("%s, %s, run %s, since %s", r.Who, what, r.id, plain.Stamp(r.started))
}

// lock takes the lock of the service. waited means that another run had it, so that an
// earlier look may be out of date.
func (r *run) lock(ctx context.Context) (unlock func(), waited bool, err error) {
	unlock, err = r.Ledger.LockWithin(ctx, r.env, r.name(), r.holder(), r.Wait, func(other string, left time.Duration) {
		waited = true
		r.log.Reach(workload.PointGuard, fmt.Sprintf("waiting for the lock, %s yet: another run has it: %s", left.Round(time.Second), other))
	})
	return unlock, waited, err
}

// newChange returns the change to make, or an earlier run's unsettled change for the
// same commit. This run takes that change over with as much time as a new change has.
func (r *run) newChange(f facts) workload.Change {
	deadline := f.seen.HostNow().Add(switchTime + f.seen.Slack() + r.place.Timeout + 3*r.place.Stable).UTC()
	if p := f.seen.Pending; p != nil {
		change := p.Change
		change.Deadline, change.Holder = deadline, r.holder()
		return change
	}
	stamps := f.terms.Stamps(f.Image.Manifest)
	stamps[workload.KeyDeployedAt] = r.started.UTC().Format(time.RFC3339)
	return workload.Change{
		ID: r.id, Ref: r.Spec.Ref, Image: f.Image.Pinned, Basis: r.replaced(f.seen).Basis,
		Stamps:      stamps,
		FlagsBefore: r.flagsBefore(f.seen),
		Deadline:    deadline,
		Holder:      r.holder(),
	}
}

// replaced is what ran when the change began.
func (s session) replaced(seen sight.View) workload.Before {
	if p := seen.Pending; p != nil {
		return p.Before
	}
	in := seen.Current()
	if in == nil {
		return workload.Before{Basis: seen.Basis}
	}
	return workload.Before{Basis: seen.Basis, Running: in.Running, ImageID: in.ImageID, Commit: in.Commit, Config: in.Config}
}

// detach returns a context for work that must end even if the run must stop.
func detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
}
