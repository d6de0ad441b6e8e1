package deploy

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
)

// resolved is the image of a commit, and where it comes from.
type resolved struct {
	image  artifact.Image
	origin provenance.Verdict
	// byReceipt is set if the registry did not resolve the commit.
	byReceipt *contract.ByReceipt
}

// summary is the manifest, and what named it if the registry did not.
func (r resolved) summary() string {
	text := "manifest " + r.image.Manifest.String()
	if by := r.byReceipt; by != nil {
		text += " by receipt " + by.Receipt + "; registry: " + by.Registry
	}
	return text
}

// resolve makes digests of the commit, and judges where the image comes from. named is
// the digest that the person named, zero for none.
func (s session) resolve(ctx context.Context, commit artifact.Commit, named artifact.Digest, platform artifact.Platform) (r resolved, err error) {
	if r.image, err = s.Artifacts.Resolve(ctx, s.row.Repository, commit, platform); err != nil {
		return s.byReceipt(ctx, commit, named, err)
	}
	if err := s.meant(commit, named, r.image); err != nil {
		return r, err
	}
	r.origin = s.Provenance.Judge(ctx, provenance.Wanted{
		Service: s.row.Service, Commit: commit, Repository: s.row.Repository, Source: s.row.Source,
		Manifest: r.image.Manifest, Index: r.image.Index,
	})
	return r, nil
}

// meant refuses an image that is not the image that the person named, and, if the
// person named none, an image that is not what was proven of the commit before.
func (s session) meant(commit artifact.Commit, named artifact.Digest, image artifact.Image) error {
	if !named.IsZero() {
		if named == image.Manifest || named == image.Index {
			return nil
		}
		return fault.New(fault.TagMoved, "the tag of %s names %s, and not %s, which --digest names", commit.Short(), image.Manifest, named).
			WithHint("look at what the tag should name; nothing was changed")
	}
	receipts, err := s.Ledger.History(0, s.name())
	if err != nil {
		return err
	}
	proven := ledger.ProvenAs(receipts, s.env, commit)
	if proven == nil || proven.Image.Same(image) {
		return nil
	}
	return fault.New(fault.TagMoved, "the tag of %s was moved: it names %s, and %s %s", commit.Short(), image.Manifest, proven.Image.Manifest, was(*proven)).
		WithHint("find out who pushed it again; if it is meant, name it: --digest %s", image.Manifest)
}

// byReceipt returns the image that a receipt of success names, if the registry gave no
// answer or does not have the commit, and the host has that image. unresolved is the
// registry's error; byReceipt returns it if there is no such receipt.
func (s session) byReceipt(ctx context.Context, commit artifact.Commit, named artifact.Digest, unresolved error) (r resolved, err error) {
	registry := contract.Unresolved(unresolved)
	if registry == "" || ctx.Err() != nil {
		return r, unresolved
	}
	receipts, err := s.Ledger.History(0, s.name())
	if err != nil {
		return r, err
	}
	receipt := ledger.BackTo(receipts, s.env, s.HostName, commit, named)
	if receipt == nil || s.Unseen != "" {
		return r, gone(ledger.Known(receipts, s.env, commit), unresolved, "")
	}
	image, there, err := s.Host.FindImage(ctx, s.Spec.Ref, receipt.Pinned())
	switch {
	case err != nil:
		return r, gone(receipt, unresolved, ", and whether "+s.store()+" has the image is not known: "+err.Error())
	case !there:
		return r, gone(receipt, unresolved, ", and "+s.store()+" does not have the image")
	}
	for _, digest := range receipt.Image.Layers {
		image.Layers = append(image.Layers, artifact.Layer{Digest: digest})
	}
	r = resolved{image, receipt.Provenance, &contract.ByReceipt{Registry: registry, Cause: unresolved.Error(), Receipt: receipt.ID}}
	r.origin.Status = cmp.Or(r.origin.Status, provenance.Unverified)
	r.origin.Detail = cmp.Or(r.origin.Detail, "receipt "+receipt.ID+" names none")
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
	return fmt.Sprintf("was %s in %s by %s at %s", verb, r.Env, r.Who, r.Finished.UTC().Format(time.DateTime+"Z"))
}
