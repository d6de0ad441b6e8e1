package controller

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// mostCandidates is how far back is looked.
const mostCandidates = 10

// Where a proven commit's artifact is now.
const (
	inRegistry   = "same"    // the tag names the digest that was proven
	movedThere   = "moved"   // the tag names another one
	goneThere    = "gone"    // there is no such tag
	unknownThere = "unknown" // nobody could tell
)

// candidate is a commit that was proven and could be gone back to.
type candidate struct {
	Commit   artifact.Commit `json:"commit"`
	Receipt  string          `json:"receipt"`
	Finished time.Time       `json:"finished"`
	Who      string          `json:"who"`
	// Runs says that it is what runs: there is nothing to go back to.
	Runs bool `json:"runs"`
	// Digest is the receipt's; Registry says what became of it there, and Now is
	// what a moved tag names.
	Digest   artifact.Digest `json:"digest"`
	Registry string          `json:"registry"`
	Now      artifact.Digest `json:"digestNow,omitzero"`
	// Bytes would be sent; left out where that is not known, or not ours to send.
	Bytes *int64 `json:"bytesToSend,omitempty"`
	// InEngine says that the image is still where it would run; left out where that
	// is not known.
	InEngine *bool `json:"inEngine,omitempty"`
	// Command goes back; "" for what is no candidate, and then Why says why.
	Command string `json:"command,omitempty"`
	Why     string `json:"why,omitempty"`
}

// wayBack is what rollback answers. docs/output.md describes its JSON.
type wayBack struct {
	OK      bool               `json:"ok"`
	Service artifact.ServiceID `json:"service"`
	Env     catalog.Env        `json:"env"`
	Running string             `json:"running"`
	// RunningUnknown says that nobody could tell what runs.
	RunningUnknown bool        `json:"runningUnknown,omitempty"`
	Candidates     []candidate `json:"candidates"`
	// Unasked are questions that were not answered.
	Unasked []unasked `json:"unasked"`
}

func (a *app) rollback() *cobra.Command {
	var service, env string
	cmd := &cobra.Command{
		Use: "rollback --service NAME [--env ENV]", Short: "List what a service can go back to, and the command for each",
		Long: `rollback lists the commits that were proven, newest first, with what is left of
each, and prints the command that goes back to it. It executes nothing.
Exit code 0: there is a candidate, 1: there is none.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := a.place(service, env)
			if err != nil {
				return err
			}
			defer at.Close()
			r, err := at.lookBack(cmd.Context())
			if err != nil {
				return err
			}
			a.partly(cmd.Context(), !r.OK)
			if a.format == "json" {
				return a.json(r)
			}
			return printWayBack(a.Out, r)
		},
	}
	serviceFlags(cmd, &service, &env)
	return cmd
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

// remains are what could be learned of a commit now.
type remains struct {
	image artifact.Image
	err   error
	bytes *int64
	here  *bool
}

// weigh makes a candidate of a receipt. running is what runs, nil for nothing or
// where nobody knows, command the one that goes there.
func weigh(r ledger.Receipt, now remains, running *workload.Instance, command string) candidate {
	c := candidate{
		Commit: r.Commit, Receipt: r.ID, Finished: r.Finished, Who: r.Who, Digest: r.Image.Manifest,
		Runs: running != nil && running.Is(r.Image.Manifest, r.Image.Config), Bytes: now.bytes, InEngine: now.here,
	}
	switch {
	case fault.ReasonOf(now.err) == fault.ArtifactNotFound && now.err != nil:
		c.Registry, c.Why = goneThere, "it is no longer in the registry"
	case now.err != nil:
		c.Registry, c.Why = unknownThere, "the registry did not tell whether it is still there"
	case now.image.Manifest != r.Image.Manifest:
		c.Registry, c.Now, c.Why = movedThere, now.image.Manifest, "its tag was moved: it names another image than the one that was proven"
	default:
		c.Registry = inRegistry
	}
	if c.Runs {
		c.Why = "it runs now"
	}
	if c.Why == "" {
		c.Command = command
	}
	return c
}

// lookBack reads receipts, registry and engine.
func (p *place) lookBack(ctx context.Context) (wayBack, error) {
	r := wayBack{Service: p.row.Service, Env: p.env, Candidates: []candidate{}, Unasked: []unasked{}}
	receipts, err := p.parts.Ledger.History(string(p.env), p.row.Service.String())
	if err != nil {
		return r, err
	}
	proven := provenOnce(receipts, mostCandidates)
	var running *workload.Instance
	seen, err := p.target.Observe(ctx, p.spec, false)
	if err != nil {
		r.RunningUnknown = true
		r.Unasked = append(r.Unasked, *notAsked("what runs of "+p.row.Service.String(), err))
	} else if in := proof.Current(p.spec, seen); in != nil && in.Running {
		running, r.Running = in, in.Labels[artifact.LabelRevision]
	}
	found := make([]remains, len(proven))
	var group errgroup.Group
	group.SetLimit(4)
	for i, receipt := range proven {
		group.Go(func() error {
			found[i] = p.remains(ctx, receipt, seen.Platform)
			return nil
		})
	}
	_ = group.Wait()
	var first error
	for i, receipt := range proven {
		c := weigh(receipt, found[i], running, p.command(receipt.Commit))
		if c.Registry == unknownThere && first == nil {
			first = found[i].err
			r.Unasked = append(r.Unasked, *notAsked("what the registry holds of "+p.row.Service.String(), first))
		}
		r.OK = r.OK || c.Command != ""
		r.Candidates = append(r.Candidates, c)
	}
	return r, nil
}

// remains asks the registry, the stager and the engine for one commit.
func (p *place) remains(ctx context.Context, r ledger.Receipt, platform artifact.Platform) (now remains) {
	if p.host == catalog.Master {
		if _, err := p.engine.Image(ctx, r.ImageID); err == nil || errors.Is(err, engine.ErrNotFound) {
			here := err == nil
			now.here = &here
		}
		if platform == (artifact.Platform{}) {
			info, err := p.engine.Version(ctx)
			if err != nil {
				return remains{err: err, here: now.here}
			}
			platform = info.Platform
		}
	}
	if now.image, now.err = p.remote.Resolve(ctx, p.row.Repository, r.Commit, platform); now.err != nil || p.host != catalog.Master {
		return now
	}
	if need, err := p.parts.Estimator.Need(ctx, now.image); err == nil {
		now.bytes = &need.Bytes
	}
	return now
}

// command is the one that a contract names for going back, with the commit in it.
func (p *place) command(commit artifact.Commit) string {
	c, err := contract.NewContract(p.parts.Catalog, contract.Request{Service: p.row.Service.String(), Env: string(p.env), Commit: commit.String()})
	if err != nil || p.row.Environment(p.env).Mode != catalog.Live {
		return ""
	}
	return c.Rollback.With(contract.PreviousCommit, commit.String()).String()
}

func printWayBack(out io.Writer, r wayBack) error {
	p := &printer{out: out}
	switch {
	case r.OK:
		p.line("%s  %s %s", good.Render("can go back"), r.Service, r.Env)
	case len(r.Candidates) == 0:
		p.line("%s  %s %s: no receipt says that a commit was proven", bad.Render("nothing to go back to"), r.Service, r.Env)
	case slices.ContainsFunc(r.Candidates, func(c candidate) bool { return c.Registry == unknownThere }):
		p.line("%s  %s %s: not every question was answered", bad.Render("cannot tell"), r.Service, r.Env)
	default:
		p.line("%s  %s %s", bad.Render("nothing to go back to"), r.Service, r.Env)
	}
	p.field("running now", "%s", cmp.Or(r.Running, map[bool]string{true: "not known", false: "none"}[r.RunningUnknown]))
	for _, c := range r.Candidates {
		p.line("%s %s  proven %s by %s", mark(c.Command != ""), c.Commit, c.Finished.UTC().Format("2006-01-02 15:04 MST"), c.Who)
		p.field("receipt", "%s", c.Receipt)
		if c.Why != "" {
			p.field("not", "%s", c.Why)
		}
		if c.Registry == movedThere {
			p.field("proven was", "%s", c.Digest)
			p.field("the tag names", "%s", c.Now)
		}
		if c.InEngine != nil {
			p.field("in the engine", "%s", map[bool]string{true: "yes", false: "no"}[*c.InEngine])
		}
		if c.Bytes != nil {
			p.field("would cross", "%s", size(*c.Bytes))
		}
		if c.Command != "" {
			p.field("to go back", "%s", c.Command)
		}
	}
	if p.err != nil {
		return p.err
	}
	return printUnasked(out, r.Unasked)
}
