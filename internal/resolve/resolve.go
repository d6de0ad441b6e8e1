// Package resolve makes digests of a commit: by its tag in the registry or, if the registry
// does not give them, by a receipt of success whose image the host has. It refuses a tag
// that means another image than was proven. The danger is a receipt that stands against an
// answer of the registry: [contract.Unresolved] decides about that.
package resolve

import (
	"cmp"
	"context"
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Artifacts resolves a commit's tag, once.
type Artifacts interface {
	// Resolve returns the image under the commit's tag for a platform, with every
	// digest checked; ARTIFACT_NOT_FOUND when there is none.
	Resolve(ctx context.Context, repo artifact.Repository, commit artifact.Commit, platform artifact.Platform) (artifact.Image, error)
}

// Provenance judges the origin of an artifact.
type Provenance interface {
	// Judge compares what was resolved with the producer's summary and, if a remote of
	// its source is configured, with that. What cannot be read is a verdict, too.
	Judge(ctx context.Context, want provenance.Wanted) provenance.Verdict
}

// Service is a service in an environment, on its host.
type Service struct {
	Artifacts  Artifacts
	Provenance Provenance
	Ledger     *ledger.Ledger
	Row        catalog.Row
	Env        artifact.Env
	// Host is the catalog's name of the host, Store describes what holds images there.
	Host, Store string
	// Ref is the workload on Target; Target is nil if nothing is looked at there.
	Ref    workload.Ref
	Target workload.Observer
}

// Resolved is the image of a commit, and where it comes from.
type Resolved struct {
	Image  artifact.Image
	Origin provenance.Verdict
	// ByReceipt is set if the registry did not resolve the commit.
	ByReceipt *contract.ByReceipt
}

// Summary returns the manifest, and what named it if the registry did not.
func (r Resolved) Summary() string {
	text := "manifest " + r.Image.Manifest.String()
	if by := r.ByReceipt; by != nil {
		text += " by receipt " + by.Receipt + "; registry: " + by.Registry
	}
	return text
}

// Resolve makes digests of the commit, and judges where the image comes from. named is
// the digest that the person named, zero for none.
func (s Service) Resolve(ctx context.Context, commit artifact.Commit, named artifact.Digest, platform artifact.Platform) (r Resolved, err error) {
	if r.Image, err = s.Artifacts.Resolve(ctx, s.Row.Repository, commit, platform); err != nil {
		return s.byReceipt(ctx, commit, named, err)
	}
	if err := s.meant(commit, named, r.Image); err != nil {
		return r, err
	}
	r.Origin = s.Provenance.Judge(ctx, provenance.Wanted{
		Service: s.Row.Service, Commit: commit, Repository: s.Row.Repository, Source: s.Row.Source,
		Manifest: r.Image.Manifest, Index: r.Image.Index,
	})
	return r, nil
}

// meant refuses an image that is not the image that the person named, and, if the
// person named none, an image that is not what was proven of the commit before.
func (s Service) meant(commit artifact.Commit, named artifact.Digest, image artifact.Image) error {
	if !named.IsZero() {
		if named == image.Manifest || named == image.Index {
			return nil
		}
		return fault.New(fault.TagMoved, "the tag of %s names %s, and not %s, which --digest names", commit.Short(), image.Manifest, named).
			WithHint("look at what the tag should name; nothing was changed")
	}
	receipts, err := s.Ledger.History(0, s.Row.Service.String())
	if err != nil {
		return err
	}
	proven := ledger.ProvenAs(receipts, s.Env, commit)
	if proven == nil || proven.Image.Same(image) {
		return nil
	}
	return fault.New(fault.TagMoved, "the tag of %s was moved: it names %s, and %s %s", commit.Short(), image.Manifest, proven.Image.Manifest, was(*proven)).
		WithHint("find out who pushed it again; if it is meant, name it: --digest %s", image.Manifest)
}

// byReceipt returns the image that a receipt of success names, if the registry gave no
// answer or does not have the commit, and the host has that image. unresolved is the
// registry's error; byReceipt returns it if there is no such receipt.
func (s Service) byReceipt(ctx context.Context, commit artifact.Commit, named artifact.Digest, unresolved error) (r Resolved, err error) {
	registry := contract.Unresolved(unresolved)
	if registry == "" || ctx.Err() != nil {
		return r, unresolved
	}
	receipts, err := s.Ledger.History(0, s.Row.Service.String())
	if err != nil {
		return r, err
	}
	receipt := ledger.BackTo(receipts, s.Env, s.Host, commit, named)
	if receipt == nil || s.Target == nil {
		return r, gone(ledger.Known(receipts, s.Env, commit), unresolved, "")
	}
	image, there, err := s.Target.FindImage(ctx, s.Ref, receipt.Pinned())
	switch {
	case err != nil:
		return r, gone(receipt, unresolved, ", and whether "+s.Store+" has the image is not known: "+err.Error())
	case !there:
		return r, gone(receipt, unresolved, ", and "+s.Store+" does not have the image")
	}
	for _, digest := range receipt.Image.Layers {
		image.Layers = append(image.Layers, artifact.Layer{Digest: digest})
	}
	r = Resolved{image, receipt.Provenance, &contract.ByReceipt{Registry: registry, Cause: unresolved.Error(), Receipt: receipt.ID}}
	r.Origin.Status = cmp.Or(r.Origin.Status, provenance.Unverified)
	r.Origin.Detail = cmp.Or(r.Origin.Detail, "receipt "+receipt.ID+" names none")
	return r, nil
}

// gone adds to the registry's error which receipt knows the commit, if any does, and why
// that receipt does not do.
func gone(known *ledger.Receipt, unresolved error, why string) error {
	switch {
	case known == nil:
		return unresolved
	case fault.ReasonOf(unresolved) != fault.ArtifactNotFound:
		return fmt.Errorf("%w; it %s%s", unresolved, was(*known), why)
	}
	return fault.New(fault.ArtifactNotFound, "%w; it %s, and is no longer in the registry%s", unresolved, was(*known), why).
		WithHint("have it published again, as %s", known.Image.Manifest)
}

// was is the end of a sentence about what a receipt records.
func was(r ledger.Receipt) string {
	verb := "tried"
	if r.Kept() {
		verb = "proven"
	}
	return fmt.Sprintf("was %s in %s by %s at %s", verb, r.Env, r.Who, plain.Stamp(r.Finished))
}
