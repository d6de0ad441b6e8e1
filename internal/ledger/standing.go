package ledger

import (
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Standing is how a commit stands in an environment, by its receipts.
type Standing string

// The standings.
const (
	// Live: it was kept last.
	Live Standing = "live"
	// Proven: its last proof held, and another commit was kept since.
	Proven Standing = "proven"
	// RolledBack: its last proof failed, and what ran before was brought back, or was to be.
	RolledBack Standing = "rolled back"
	// WasDegraded: it was kept though not all of it was well, and another commit since.
	WasDegraded Standing = "degraded"
	// New: no receipt has a verdict on it.
	New Standing = "new"
)

// Judges reports whether the receipt has a verdict on its version: a deploy that was
// reverted for another reason does not.
func (r Receipt) Judges() bool { return r.Kept() || r.ProofFailed }

// StandingOf returns the standing of the image that a commit's tag names; with the zero
// digest, of any image of the commit. The receipts are the service's, the newest first.
func StandingOf(receipts []Receipt, env artifact.Env, commit artifact.Commit, named artifact.Digest) Standing {
	last := lastVerdict(receipts, env, commit, named)
	kept := slices.IndexFunc(receipts, func(r Receipt) bool { return r.Env == env && r.Kept() })
	switch {
	case kept >= 0 && receipts[kept].is(env, commit, named):
		return Live
	case last == nil:
		return New
	case last.Outcome == Succeeded:
		return Proven
	case last.Outcome == Degraded:
		return WasDegraded
	}
	return RolledBack
}

// FailedBefore returns the newest receipt with a verdict on an image of a commit, if it is
// that the proof failed, or that not all was well; nil if it is that the proof held, or
// if there is none. The receipts come newest first.
func FailedBefore(receipts []Receipt, env artifact.Env, commit artifact.Commit, named artifact.Digest) *Receipt {
	last := lastVerdict(receipts, env, commit, named)
	if last == nil || last.Outcome == Succeeded {
		return nil
	}
	return last
}

// lastVerdict returns the newest receipt with a verdict on an image of a commit, nil if there
// is none.
func lastVerdict(receipts []Receipt, env artifact.Env, commit artifact.Commit, named artifact.Digest) *Receipt {
	i := slices.IndexFunc(receipts, func(r Receipt) bool { return r.Judges() && r.is(env, commit, named) })
	if i < 0 {
		return nil
	}
	return &receipts[i]
}

// is reports whether the receipt is of an image of a commit, by the manifest or the index.
func (r Receipt) is(env artifact.Env, commit artifact.Commit, named artifact.Digest) bool {
	return r.Env == env && r.Commit == commit && (named.IsZero() || named == r.Image.Manifest || named == r.Image.Index)
}
