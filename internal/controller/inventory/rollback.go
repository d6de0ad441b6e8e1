package inventory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// mostCandidates is how far back is looked.
const mostCandidates = 10

// Where a proven commit's artifact is now.
const (
	InRegistry   = "same"    // the tag names the digest that was proven
	MovedThere   = "moved"   // the tag names another digest
	GoneThere    = "gone"    // there is no such tag
	UnknownThere = "unknown" // the state could not be read
)

// Candidate is a commit that was proven and could be gone back to.
type Candidate struct {
	Commit   artifact.Commit `json:"commit"`
	Receipt  string          `json:"receipt"`
	Finished time.Time       `json:"finished"`
	Who      string          `json:"who"`
	// Standing is how it stands by the receipts. A command for what was rolled back since
	// asks for it again.
	Standing ledger.Standing `json:"standing"`
	// Subject is the commit's, "" if no copy of its source knows it.
	Subject string `json:"subject,omitempty"`
	// Runs means that this artifact runs now: there is nothing to go back to.
	Runs bool `json:"runs"`
	// Newer means that the commit was proven for the first time after the commit that runs.
	Newer bool `json:"newer,omitempty"`
	// Digest is the receipt's digest. Registry is its state in the registry, and
	// Now is the digest that a moved tag names.
	Digest   artifact.Digest `json:"digest"`
	Registry string          `json:"registry"`
	Now      artifact.Digest `json:"digestNow,omitzero"`
	// Bytes is what would be sent; absent if it is not known, or not ours to send.
	Bytes *int64 `json:"bytesToSend,omitempty"`
	// InEngine reports whether the engine or cluster that would run the image still has
	// it. It is absent if that is not known.
	InEngine *bool `json:"inEngine,omitempty"`
	// ByReceipt is [contract.NotAsked] or [contract.NoLongerHas] if the command rests on
	// the receipt and on the image in the engine, and not on the registry.
	ByReceipt string `json:"byReceipt,omitempty"`
	// Command goes back. It is "" for what is no candidate, and then Why has the reason.
	Command string `json:"command,omitempty"`
	Why     string `json:"why,omitempty"`
}

// RollbackOptions is what rollback answers. docs/output.md describes its JSON.
type RollbackOptions struct {
	OK         bool               `json:"ok"`
	Service    artifact.ServiceID `json:"service"`
	Env        artifact.Env       `json:"env"`
	Running    workload.Running   `json:"running"`
	Candidates []Candidate        `json:"candidates"`
	// Hint is what to do by hand if there is no candidate because of the registry.
	Hint string `json:"hint,omitempty"`
	// Unasked are questions that were not answered.
	Unasked []Unasked `json:"unasked"`
}

// provenOnce are the receipts of what was proven, newest first, each commit once.
// receipts come newest first.
func provenOnce(receipts []ledger.Receipt, most int) (list []ledger.Receipt) {
	seen := map[artifact.Commit]bool{}
	for _, r := range receipts {
		if r.Outcome == ledger.Succeeded && !seen[r.Commit] && len(list) < most {
			seen[r.Commit] = true
			list = append(list, r)
		}
	}
	return list
}

// artifactState are what could be learned of a commit now.
type artifactState struct {
	image artifact.Image
	err   error
	bytes *int64
	here  *bool
}

// newCandidate makes a candidate of a receipt. host is where the service runs now; running
// is what runs, nil if nothing runs or that is not known. command is the command that goes
// back there.
func newCandidate(r ledger.Receipt, host string, now artifactState, running *workload.Instance, command string) Candidate {
	c := Candidate{
		Commit: r.Commit, Receipt: r.ID, Finished: r.Finished, Who: r.Who, Digest: r.Image.Manifest,
		Runs: running != nil && running.Is(artifact.Pinned{Manifest: r.Image.Manifest, Config: r.Image.Config}), Bytes: now.bytes, InEngine: now.here,
	}
	switch {
	case fault.ReasonOf(now.err) == fault.ArtifactNotFound && now.err != nil:
		c.Registry, c.Why = GoneThere, "it is no longer in the registry"
	case now.err != nil:
		c.Registry, c.Why = UnknownThere, "the registry did not tell whether it is still there"
	}
	switch {
	case now.err != nil && now.here != nil && *now.here && cmp.Or(r.Host, host) == host:
		if c.ByReceipt = contract.Unresolved(now.err); c.ByReceipt != "" {
			c.Why = ""
		}
	case now.err != nil && now.here != nil && !*now.here:
		c.Why += ", and its host does not have the image"
	case now.err != nil:
	case now.image.Manifest != r.Image.Manifest:
		c.Registry, c.Now, c.Why = MovedThere, now.image.Manifest, "its tag was moved: it names another image than the one that was proven"
	default:
		c.Registry = InRegistry
	}
	if c.Runs {
		c.Why = "current version"
	}
	if c.Why == "" {
		c.Command = command
	}
	return c
}

// FindCandidates reads receipts, registry and engine.
func FindCandidates(ctx context.Context, p *site.Place) (RollbackOptions, error) {
	r := RollbackOptions{Service: p.Row.Service, Env: p.Env, Candidates: []Candidate{}, Unasked: []Unasked{}}
	receipts, err := p.Parts.Ledger.History(p.Env, p.Row.Service.String())
	if err != nil {
		return r, err
	}
	proven := provenOnce(receipts, mostCandidates)
	var running *workload.Instance
	host := p.Deployer.Workload(p.Row, p.Env)
	seen, err := host.LookPast(ctx, false)
	if err != nil {
		r.Running = workload.NotKnown(p.Host, "not known")
		r.Unasked = append(r.Unasked, *NotAsked("what runs of "+p.Row.Service.String(), err))
	} else if r.Running = host.Running(seen); seen.Commit() != "" {
		running = seen.Current()
	}
	r.Running = unconfirmed(r.Running, seen.Pending)
	commits := make([]artifact.Commit, len(proven))
	for i, receipt := range proven {
		commits[i] = receipt.Commit
	}
	subjects := p.Config.Subjects(ctx, p.Row.Source, commits)
	_, away := p.Remote.Connect(ctx) // once, and not for each commit
	found := make([]artifactState, len(proven))
	var group errgroup.Group
	group.SetLimit(4)
	for i, receipt := range proven {
		group.Go(func() error {
			found[i] = findState(ctx, p, receipt, seen.Platform, away)
			return nil
		})
	}
	_ = group.Wait()
	var first error
	for i, receipt := range proven {
		standing := ledger.StandingOf(receipts, p.Env, receipt.Commit, receipt.Image.Manifest)
		c := newCandidate(receipt, p.Host, found[i], running, backTo(p, receipt.Commit, standing))
		c.Standing, c.Subject = standing, subjects[receipt.Commit]
		if c.Registry == UnknownThere && first == nil {
			first = found[i].err
			r.Unasked = append(r.Unasked, *NotAsked("what the registry holds of "+p.Row.Service.String(), first))
		}
		r.OK = r.OK || c.Command != ""
		r.Candidates = append(r.Candidates, c)
	}
	markNewer(r.Candidates, receipts)
	r.Hint = byHand(r, p.Host, p.Spec)
	return r, nil
}

// markNewer marks the candidates that were proven for the first time after what runs: it was
// gone back from them. receipts come newest first.
func markNewer(candidates []Candidate, receipts []ledger.Receipt) {
	first := map[artifact.Commit]time.Time{}
	for _, r := range receipts {
		if r.Outcome == ledger.Succeeded {
			first[r.Commit] = r.Finished // the oldest is last
		}
	}
	i := slices.IndexFunc(candidates, func(c Candidate) bool { return c.Runs })
	if i < 0 {
		return
	}
	runs := first[candidates[i].Commit]
	for k := range candidates {
		candidates[k].Newer = first[candidates[k].Commit].After(runs)
	}
}

// byHand returns what a person can do if no command goes back and the registry is why.
func byHand(r RollbackOptions, host string, spec workload.Spec) string {
	lost := slices.ContainsFunc(r.Candidates, func(c Candidate) bool {
		return !c.Runs && (c.Registry == GoneThere || c.Registry == UnknownThere)
	})
	switch {
	case r.OK || !lost:
		return ""
	case spec.Kubernetes != nil:
		return "have the registry answer again, or a commit published again as its digest; `unidesk-controller artifact-registry health` shows what the registry lacks"
	}
	return "load an image above into " + host + "'s engine (`docker load`): this command then names the way back to it; " +
		"or have the registry answer again, or a commit published again as its digest"
}

// findState asks the registry, the stager and the host for a commit. away is why the
// registry's host cannot be asked, nil if it can.
func findState(ctx context.Context, p *site.Place, r ledger.Receipt, platform artifact.Platform, away error) (now artifactState) {
	if _, here, err := p.Target.FindImage(ctx, p.Spec.Ref, r.Pinned()); err == nil {
		now.here = &here
	}
	if now.err = away; away != nil {
		return now
	}
	if p.Host == catalog.Master && platform == (artifact.Platform{}) {
		info, err := p.Engine.Version(ctx)
		if err != nil {
			return artifactState{err: err, here: now.here}
		}
		platform = info.Platform
	}
	if now.image, now.err = p.Remote.Resolve(ctx, p.Row.Repository, r.Commit, platform); now.err != nil || p.Host != catalog.Master {
		return now
	}
	if need, err := p.Parts.Estimator.Need(ctx, now.image); err == nil {
		now.bytes = &need.Bytes
	}
	return now
}

// backTo is the command that a contract names for going back, with the commit in it.
func backTo(p *site.Place, commit artifact.Commit, standing ledger.Standing) string {
	c, err := contract.NewContract(p.Parts.Catalog, contract.Request{Service: p.Row.Service.String(), Env: p.Env, Commit: commit.String()})
	if err != nil || p.Row.Environment(p.Env).Mode != catalog.Live {
		return ""
	}
	command := c.Rollback.With(contract.PreviousCommit, commit.String())
	if standing == ledger.RolledBack {
		command = command.And("--again")
	}
	return command.String()
}
