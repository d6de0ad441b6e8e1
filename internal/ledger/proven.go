package ledger

import (
	"cmp"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// KeptVersions is how many proven versions of a service keep their images.
const KeptVersions = 3

// Kept reports whether the receipt's version was kept.
func (r Receipt) Kept() bool { return r.Outcome == Succeeded || r.Outcome == Degraded }

// LastKept returns the newest of the receipts, which come newest first, whose version
// was kept; nil if no version was kept.
func LastKept(receipts []Receipt) *Receipt {
	i := slices.IndexFunc(receipts, Receipt.Kept)
	if i < 0 {
		return nil
	}
	return &receipts[i]
}

// ProvenAs returns the receipt that proves which image a commit is: the newest whose
// version was kept, of the environment or else of any; nil if there is none. The receipts
// come newest first.
func ProvenAs(receipts []Receipt, env artifact.Env, commit artifact.Commit) (found *Receipt) {
	for i, r := range receipts {
		if !r.Kept() || r.Commit != commit {
			continue
		}
		if r.Env == env {
			return &receipts[i]
		}
		found = cmp.Or(found, &receipts[i])
	}
	return found
}

// Known returns the receipt that [ProvenAs] returns, or else the newest of a deploy of the
// commit that had its image; nil if there is none.
func Known(receipts []Receipt, env artifact.Env, commit artifact.Commit) *Receipt {
	if proven := ProvenAs(receipts, env, commit); proven != nil {
		return proven
	}
	i := slices.IndexFunc(receipts, func(r Receipt) bool { return r.Commit == commit && !r.Image.Manifest.IsZero() })
	if i < 0 {
		return nil
	}
	return &receipts[i]
}

// BackTo returns the newest receipt of success of a commit in the environment and on the
// host, of the named digest if that is not zero; nil if there is none. A receipt that
// names no host counts for any.
func BackTo(receipts []Receipt, env artifact.Env, host string, commit artifact.Commit, named artifact.Digest) *Receipt {
	i := slices.IndexFunc(receipts, func(r Receipt) bool {
		return r.Outcome == Succeeded && r.Env == env && r.Commit == commit && cmp.Or(r.Host, host) == host &&
			!r.Image.Manifest.IsZero() && (named.IsZero() || named == r.Image.Manifest || named == r.Image.Index)
	})
	if i < 0 {
		return nil
	}
	return &receipts[i]
}

// Pinned returns the image of the receipt by its digests.
func (r Receipt) Pinned() artifact.Pinned {
	return artifact.Pinned{
		Repository: r.Image.Repository, Commit: r.Commit, Index: r.Image.Index, Manifest: r.Image.Manifest, Config: r.Image.Config, Bytes: r.Bytes.Image,
	}
}

// CommitOf returns the commit of the newest receipt whose version was kept, and whose image
// an instance runs; "" if there is none. The receipts come newest first.
func CommitOf(receipts []Receipt, in workload.Instance) string {
	for _, r := range receipts {
		same := in.Is(artifact.Pinned{Manifest: r.Image.Manifest, Config: r.Image.Config}) || in.ImageID != "" && in.ImageID == r.ImageID
		if r.Kept() && same {
			return r.Commit.String()
		}
	}
	return ""
}

// Previous returns the newest proven commit that is not the given commit, and of which no
// later proof failed, if any, and whether the given commit is older than the commit that was proven last.
func (l *Ledger) Previous(env artifact.Env, service string, to artifact.Commit) (commit artifact.Commit, found, older bool, err error) {
	receipts, err := l.History(env, service)
	if err != nil {
		return artifact.Commit{}, false, false, err
	}
	proven := slices.DeleteFunc(slices.Clone(receipts), func(r Receipt) bool { return r.Outcome != Succeeded })
	older = GoesBack(proven, to)
	i := slices.IndexFunc(proven, func(r Receipt) bool {
		return r.Commit != to && FailedBefore(receipts, env, r.Commit, r.Image.Manifest) == nil
	})
	if i < 0 {
		return artifact.Commit{}, false, older, nil
	}
	return proven[i].Commit, true, older, nil
}

// GoesBack reports whether a commit is older than the commit that was proven last,
// by receipts of what was proven, newest first. A commit is as old as its first
// receipt, so that going forward again after a rollback does not count as going back.
func GoesBack(proven []Receipt, to artifact.Commit) bool {
	first := map[artifact.Commit]int{}
	for i, receipt := range proven {
		first[receipt.Commit] = i
	}
	i, known := first[to]
	return known && i > first[proven[0].Commit]
}

// EverProven reports whether a deploy in any environment has proven the digest.
func (l *Ledger) EverProven(service string, manifest artifact.Digest) (bool, error) {
	receipts, err := l.History(0, service)
	return slices.ContainsFunc(receipts, func(r Receipt) bool {
		return r.Outcome == Succeeded && r.Image.Manifest == manifest
	}), err
}

// KeepsImage reports whether a commit is among the last proven commits, whose images
// stay on the host.
func (l *Ledger) KeepsImage(env artifact.Env, service string, commit artifact.Commit) (bool, error) {
	proven, err := l.Proven(env, service)
	return slices.Contains(proven[:min(KeptVersions, len(proven))], commit), err
}

// Retire returns the service's commits whose images need not stay once commit is
// kept: all but the last three that were proven, commit among them, and the last three
// of each environment that shares the images.
func (l *Ledger) Retire(env artifact.Env, service string, commit artifact.Commit, sharing ...artifact.Env) (old []artifact.Commit, err error) {
	receipts, err := l.History(env, service)
	if err != nil {
		return nil, err
	}
	proven, err := l.Proven(env, service)
	if err != nil {
		return nil, err
	}
	stay := map[artifact.Commit]bool{commit: true}
	for _, c := range proven {
		if len(stay) < KeptVersions {
			stay[c] = true
		}
	}
	for _, other := range sharing {
		kept, err := l.Proven(other, service)
		if err != nil {
			return nil, err
		}
		for _, c := range kept[:min(KeptVersions, len(kept))] {
			stay[c] = true
		}
	}
	for _, receipt := range receipts {
		if !stay[receipt.Commit] {
			stay[receipt.Commit] = true // name each once
			old = append(old, receipt.Commit)
		}
	}
	return old, nil
}
