package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/resolve"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// facts are the results of the steps that only read.
type facts struct {
	// terms are the contract, its gate judged by what the receipts prove.
	terms contract.Contract
	seen  sight.View
	resolve.Resolved
}

// find looks at the workload and resolves the commit. If the workload cannot be
// seen, only the artifact is looked at. With an error it returns what it has learnt
// until then.
func (s session) find(ctx context.Context, c contract.Contract) (f facts, err error) {
	f.terms = c
	platform := s.place.Target.Platform
	if s.Unseen == "" {
		if f.seen, err = s.Look(ctx, true); err != nil {
			return f, workload.At(workload.PointGuard, err)
		}
		platform = f.seen.Platform
	} else {
		f.seen.Platform = platform
	}
	if f.Resolved, err = s.resolver().Resolve(ctx, c.Commit, c.Digest, platform); err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return f, workload.At(workload.PointResolve, err)
	}
	s.log.Reach(workload.PointResolve, f.Summary())
	f.terms, err = s.promoted(c, f.Image.Manifest)
	return f, workload.At(workload.PointPreflight, err)
}

// resolver resolves commits of the service. It has no target if the host is not looked at.
func (s session) resolver() resolve.Service {
	r := resolve.Service{
		Artifacts: s.Artifacts, Provenance: s.Provenance, Ledger: s.Ledger, Row: s.row, Env: s.env, Host: s.HostName, Store: s.store(), Ref: s.Spec.Ref,
	}
	if s.Unseen == "" {
		r.Target = s.Host
	}
	return r
}

// promoted returns the contract, its promotion gate open if any environment has
// proven the digest: prod too, so that prod can go back to what it had.
func (s session) promoted(c contract.Contract, manifest artifact.Digest) (contract.Contract, error) {
	if c.Gate.Code != catalog.Promote {
		return c, nil
	}
	proven, err := s.Ledger.EverProven(s.name(), manifest)
	if proven {
		c = c.Promoted()
	}
	return c, err
}

// wanted returns what the proof requires of the new version.
func (s session) wanted(f facts) proof.Wanted {
	return proof.Wanted{
		Spec: s.Spec, Image: f.Image.Pinned, Stamps: f.terms.Stamps(f.Image.Manifest),
		Labels: f.terms.RequiredLabels, Composed: s.row.Witness == catalog.Composed, FlagsBefore: s.flagsBefore(f.seen),
	}
}

// flagsBefore are the health flags that the proof measures the new version by: those
// of what runs, or of what ran before an unsettled change.
func (s session) flagsBefore(seen sight.View) map[string]bool {
	if p := seen.Pending; p != nil {
		return p.Change.FlagsBefore
	}
	return seen.Flags()
}

// described is the plan of an image alone, with the checks that need nothing else.
func (s session) described(f facts) contract.Plan {
	plan := contract.Plan{
		Index: f.Image.Index, Manifest: f.Image.Manifest, Config: f.Image.Config, Platform: f.Image.Platform,
		Layers: len(f.Image.Layers), Bytes: f.Image.Bytes, Provenance: f.Origin, ByReceipt: f.ByReceipt,
		Checks: append(proof.Labels(f.terms.RequiredLabels, f.Image.Labels),
			proof.Runs(f.seen.Platform, f.Image.Platform), f.Origin.Check(s.row.Provenance)),
	}
	plan.Checks = append(plan.Checks, proof.Registry(s.Catalog.Registry, f.Image.Registry, s.Endpoint, s.RegistryHost)...)
	return plan
}

// preflight makes every check that changes nothing.
func (s session) preflight(ctx context.Context, f facts) (contract.Plan, error) {
	plan := s.described(f)
	if plan.Unseen = s.Unseen; plan.Unseen != "" {
		return plan, nil
	}
	role, err := s.role(ctx)
	if err != nil {
		return contract.Plan{}, workload.At(workload.PointPreflight, err)
	}
	plan.Checks = append(plan.Checks, role...)
	need, err := s.cost(ctx, f)
	if err != nil {
		return contract.Plan{}, workload.At(workload.PointPreflight, err)
	}
	plan.Need = need
	plan.Checks = append(plan.Checks, s.fixedThere(append(placement.Check(s.Spec, f.seen.Placement), proof.Fit(s.Spec, f.Image, f.seen.Observation)...))...)
	_, synced, err := s.settings()
	if err != nil {
		return contract.Plan{}, workload.At(workload.PointPreflight, err)
	}
	plan.Checks = append(append(plan.Checks, synced...), s.fixedThere(proof.Writable(f.seen.Observation))...)
	plan.Checks = append(plan.Checks, s.room(f, need)...)
	verdict := proof.Judge(s.wanted(f), f.seen.Observation)
	plan.Live = f.seen.Current()
	plan.AlreadyLive = verdict.Status == proof.Proven || verdict.Status == proof.Degraded
	plan.Subject = s.Subject(ctx, s.row.Source, f.terms.Commit)
	receipts, err := s.history()
	plan.Standing = ledger.StandingOf(receipts, s.env, f.terms.Commit, f.Image.Manifest)
	if !plan.AlreadyLive && f.seen.Pending == nil { // else this deploy does not bring it live
		plan.Checks = append(plan.Checks, contract.Earlier(f.terms, receipts, f.Image.Manifest, f.seen.Compose().Hash)...)
	}
	return plan, workload.At(workload.PointPreflight, err)
}

// room returns the checks that the disks have room for the image.
func (s session) room(f facts, need contract.Need) []proof.Check {
	if s.HostName == catalog.Master {
		return []proof.Check{proof.Room("of the engine", need.Engine, f.seen.ImageRoom), proof.SpoolRoom(need.Spool, need.SpoolFree)}
	}
	return []proof.Check{proof.Room("of "+s.store(), need.Engine, f.seen.ImageRoom)}
}

// role is the check that this account may deploy to another host than the master.
func (s session) role(ctx context.Context) ([]proof.Check, error) {
	if s.HostName == catalog.Master {
		return nil, nil
	}
	switch err := s.MayDeploy(ctx, s.HostName); {
	case err == nil:
		return []proof.Check{{Name: "role", OK: true, Detail: "lets this account deploy on " + s.HostName}}, nil
	case fault.ReasonOf(err) == fault.RoleMissing:
		return []proof.Check{{Name: "role", Reason: fault.RoleMissing, Detail: err.Error(), Fix: fault.HintOf(err)}}, nil
	default:
		return nil, err
	}
}

// admit refuses, in a plan and a run alike, if a check of the preflight does not hold or if
// the grant was used. If the version is live already, only the check of its provenance
// counts, because nothing is recreated.
func (s session) admit(f facts, plan contract.Plan, force bool) error {
	checks := plan.Checks
	if lives(f, plan, force) {
		checks = []proof.Check{f.Origin.Check(s.row.Provenance)}
	}
	if err := workload.At(workload.PointPreflight, proof.Fault(checks)); err != nil {
		return err
	}
	return workload.At(workload.PointPreflight, s.grantUnused(f, plan, force))
}

// lives reports whether the version runs already, so that it only has to be proven.
func lives(f facts, plan contract.Plan, force bool) bool {
	return plan.AlreadyLive && !force && f.seen.Pending == nil
}

// grantUnused refuses a grant that was used before, so that nothing is staged in
// vain. It passes an unsettled change of the same commit: that change may have used
// the grant.
func (s session) grantUnused(f facts, plan contract.Plan, force bool) error {
	if f.terms.Grant == nil || f.seen.Pending != nil || plan.AlreadyLive && !force {
		return nil
	}
	return s.Grants.Used(*f.terms.Grant)
}

// cost returns what staging the image needs. To another host nothing crosses the master's
// line: its agent pulls from the registry beside it, and refuses, by the same measure, an
// image that its engine's disk cannot take.
func (s session) cost(ctx context.Context, f facts) (contract.Need, error) {
	if f.ByReceipt != nil {
		return contract.Need{}, nil // the host has the image
	}
	if s.HostName == catalog.Master {
		return s.Estimator.Need(ctx, f.Image)
	}
	there := slices.ContainsFunc(f.seen.Instances, func(in workload.Instance) bool { return in.Is(f.Image.Pinned) })
	if !there {
		var err error
		if there, err = s.Ledger.KeepsImage(s.env, s.name(), f.terms.Commit); err != nil {
			return contract.Need{}, err
		}
	}
	if there {
		return contract.Need{}, nil
	}
	return contract.Need{Engine: workload.Room(f.Image.Bytes)}, nil
}

// toBring describes what staging moves, and its source.
func (s session) toBring(f facts, need contract.Need) string {
	if f.ByReceipt != nil {
		return s.store() + " has the image"
	}
	if s.HostName != catalog.Master {
		return s.store() + " takes the image from the registry beside it"
	}
	return fmt.Sprintf("%d of %d layers to bring", need.Layers, len(f.Image.Layers))
}

// fixedThere completes the fix of each failed check: with the host to apply it on, or with the
// master's env file.
func (s session) fixedThere(checks []proof.Check) []proof.Check {
	host := s.HostName
	there := "on " + host + ", where its " + contract.AgentPlacement + " places the project: "
	if s.Spec.Kubernetes != nil {
		there = "on " + host + ": "
	}
	for i, c := range checks {
		switch {
		case c.OK:
		case host != catalog.Master:
			checks[i].Fix = there + c.Fix
		case c.Reason == fault.EnvKeyMissing:
			checks[i].Fix = c.Fix + " " + s.EnvFile
		}
	}
	return checks
}
