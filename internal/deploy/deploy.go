// Package deploy is the brain: it acts by a contract. What a deploy finds (Plan), how
// it is done (Run) and how what a killed run left is ended (Recover). Straight lines of Go; no I/O of its own but through what it is given.
//
// Until Switch nothing that runs is touched. From Switch on there is a change on
// the host that is provisional: whatever happens next, this run, the same
// command again or Recover ends it, in the new version proven or the old one
// back.
package deploy

import (
	"context"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/bystander"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Artifacts resolves a commit's tag, once.
type Artifacts interface {
	// Resolve returns the image under the commit's tag for a platform, with every
	// digest checked; ARTIFACT_NOT_FOUND when there is none.
	Resolve(ctx context.Context, repo artifact.Repository, commit artifact.Commit, platform artifact.Platform) (artifact.Image, error)
}

// Estimator tells, without changing anything, what staging an image will cost.
type Estimator interface {
	Need(ctx context.Context, image artifact.Image) (contract.Need, error)
}

// Deployer is given everything that a deploy touches.
type Deployer struct {
	Catalog   *catalog.Catalog
	Project   string
	Artifacts Artifacts
	// Targets are the hands on each host, by its name in the catalog.
	Targets   map[string]workload.Target
	Estimator Estimator
	Ledger    *ledger.Ledger
	// Emit is told of every point, as it is reached.
	Emit func(workload.Event)
	// Origin judges where an artifact comes from: by the producer's summary and, where
	// one is configured, by the remote of its source.
	Origin func(context.Context, provenance.Wanted) provenance.Verdict
	// GrantUsed tells, without using it up, whether a grant was used: GRANT_USED.
	GrantUsed func(g grant.Grant) error
	// UseGrant uses a grant up, once of all times; by says for what.
	UseGrant func(g grant.Grant, by string) error
	// Traffic returns the payload of the connection so far, both ways.
	Traffic func() (sent, received int64)
	// Who runs this, and with which version of the controller.
	Who, Version string
}

// deployment is one pass over one service.
type deployment struct {
	*Deployer
	contract.Contract
	row     catalog.Row
	spec    workload.Spec
	host    workload.Target
	force   bool
	planned bool // this pass only plans
	// patience is how long a proof waits for good answers; 0 means the catalog's
	// time for a version to come up.
	patience time.Duration
	started  time.Time
	id       string
	seen     workload.Observation
	looked   time.Time // when, by the clock here, that was asked for
	image    artifact.Image
	wanted   proof.Wanted
	origin   provenance.Verdict
	before   *bystander.Snapshot // everything on the engine, when the switch began
	need     contract.Need
	steps    []ledger.Step
	at       workload.Point
	result   contract.Result
}

func (d *Deployer) begin(row catalog.Row, c contract.Contract, force bool) *deployment {
	now := time.Now()
	r := &deployment{
		Deployer: d, Contract: c, row: row, spec: row.Spec(c.Env, d.Project), host: d.target(row.Environment(c.Env).Target.Host),
		force: force, started: now, id: ledger.NewID(now), at: workload.PointGuard,
	}
	r.result.Contract = &r.Contract
	r.result.Rollback = c.Rollback
	return r
}

// environment is what the catalog says of the service there.
func (r *deployment) environment() catalog.Environment { return r.row.Environment(r.Env) }

// reach tells that a point was reached and what comes next, for the error that
// may follow.
func (r *deployment) reach(point, next workload.Point, text string) {
	r.pass(workload.Event{Point: point, Text: text})
	r.at = next
}

// pass hands an event on and remembers when its point was first reached.
func (r *deployment) pass(e workload.Event) {
	if n := len(r.steps); n == 0 || r.steps[n-1].Point != e.Point {
		r.steps = append(r.steps, ledger.Step{Point: e.Point, At: time.Now().UTC()})
	}
	r.at = e.Point
	r.Emit(e)
}

// look observes the workload and resolves the commit; both only read. Of what
// cannot be seen only the artifact is looked at.
func (r *deployment) look(ctx context.Context) (err error) {
	r.at, r.looked = workload.PointGuard, time.Now()
	if r.unseen() != "" {
		r.seen.Platform = r.environment().Target.Platform
	} else if r.seen, err = r.host.Observe(ctx, r.spec, true); err != nil {
		return err
	}
	r.at = workload.PointResolve
	if r.image, err = r.Artifacts.Resolve(ctx, r.row.Repository, r.Commit, r.seen.Platform); err != nil {
		return err
	}
	r.origin = r.Origin(ctx, provenance.Wanted{
		Service: r.Service, Commit: r.Commit, Repository: r.row.Repository, Source: r.row.Source,
		Manifest: r.image.Manifest, Index: r.image.Index,
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.wanted = proof.Wanted{
		Spec: r.spec, Commit: r.Commit, Config: r.image.Config, Manifest: r.image.Manifest,
		Labels: r.RequiredLabels, Composed: r.row.Witness == catalog.Composed, FlagsBefore: r.flagsBefore(),
	}
	r.reach(workload.PointResolve, workload.PointPreflight, "manifest "+r.image.Manifest.String())
	return r.judgePromotion()
}

// judgePromotion asks the gates again where receipts can open one: dev's, or prod's
// own, so that whatever was proven in prod can be gone back to.
func (r *deployment) judgePromotion() error {
	if r.Gate.Code != catalog.Promote {
		return nil
	}
	receipts, err := r.Ledger.History("", r.Service.String())
	if slices.ContainsFunc(receipts, func(done ledger.Receipt) bool {
		return done.Outcome == ledger.Succeeded && done.Image.Manifest == r.image.Manifest
	}) {
		r.Contract = r.Promoted()
	}
	return err
}

// flagsBefore are the health flags that the proof measures the new version by:
// those of what runs, or of what ran before a change that this run attaches to.
func (r *deployment) flagsBefore() map[string]bool {
	if p := r.seen.Pending; p != nil {
		return p.Change.FlagsBefore
	}
	if in := proof.Current(r.spec, r.seen); in != nil && in.Health != nil {
		return in.Health.Flags
	}
	return nil
}

// rollback is the command for the newest proven commit that is not the one asked
// for; where there is none, the contract's, with its placeholder. It notes whether
// the one asked for is older than the one proven last.
func (r *deployment) rollback() (string, error) {
	receipts, err := r.Ledger.History(string(r.Env), r.Service.String())
	if err != nil {
		return "", err
	}
	proven := slices.DeleteFunc(receipts, func(done ledger.Receipt) bool { return done.Outcome != ledger.Succeeded })
	r.result.Older = goesBack(proven, r.Commit)
	for _, done := range proven {
		if done.Commit != r.Commit {
			return contract.LiveCommand(r.row, r.Env, done.Commit.String()), nil
		}
	}
	return r.Rollback, nil
}

// goesBack reports whether a commit is older than the one that was proven last, by
// receipts of what was proven, the newest first: each is as old as its first one, so
// that who went back and goes forward again is not told to go back.
func goesBack(proven []ledger.Receipt, to artifact.Commit) bool {
	first := map[artifact.Commit]int{}
	for i, receipt := range proven {
		first[receipt.Commit] = i
	}
	i, known := first[to]
	return known && i > first[proven[0].Commit]
}
