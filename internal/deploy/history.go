package deploy

import (
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// keptVersions is how many proven versions keep their images.
const keptVersions = 3

// history returns the service's receipts, newest first.
func (s session) history() ([]ledger.Receipt, error) {
	return s.Ledger.History(string(s.env), s.name())
}

// previous returns the newest proven commit that is not the given one, if there is
// one, and whether the given one is older than the commit that was proven last.
func (s session) previous(to artifact.Commit) (commit artifact.Commit, found, older bool, err error) {
	receipts, err := s.history()
	if err != nil {
		return artifact.Commit{}, false, false, err
	}
	proven := slices.DeleteFunc(receipts, func(r ledger.Receipt) bool { return r.Outcome != ledger.Succeeded })
	older = goesBack(proven, to)
	i := slices.IndexFunc(proven, func(r ledger.Receipt) bool { return r.Commit != to })
	if i < 0 {
		return artifact.Commit{}, false, older, nil
	}
	return proven[i].Commit, true, older, nil
}

// goesBack reports whether a commit is older than the commit that was proven last,
// by receipts of what was proven, newest first. A commit is as old as its first
// receipt, so that going forward again after a rollback does not count as going back.
func goesBack(proven []ledger.Receipt, to artifact.Commit) bool {
	first := map[artifact.Commit]int{}
	for i, receipt := range proven {
		first[receipt.Commit] = i
	}
	i, known := first[to]
	return known && i > first[proven[0].Commit]
}

// lastKept returns the newest receipt of a version that was kept, nil without one.
func lastKept(receipts []ledger.Receipt) *ledger.Receipt {
	i := slices.IndexFunc(receipts, kept)
	if i < 0 {
		return nil
	}
	return &receipts[i]
}

func kept(r ledger.Receipt) bool {
	return r.Outcome == ledger.Succeeded || r.Outcome == ledger.Degraded
}

// everProven reports whether a deploy in any environment has proven the digest.
func (s session) everProven(manifest artifact.Digest) (bool, error) {
	receipts, err := s.Ledger.History("", s.name())
	return slices.ContainsFunc(receipts, func(r ledger.Receipt) bool {
		return r.Outcome == ledger.Succeeded && r.Image.Manifest == manifest
	}), err
}

// keepsImage reports whether a commit is among the last proven ones, whose images
// stay on the host.
func (s session) keepsImage(commit artifact.Commit) (bool, error) {
	proven, err := s.Ledger.Proven(string(s.env), s.name())
	return slices.Contains(proven[:min(keptVersions, len(proven))], commit), err
}

// retire returns the service's commits whose images need not stay once commit is
// kept: all but the last three that were proven, commit among them.
func (s session) retire(commit artifact.Commit) (old []artifact.Commit, err error) {
	receipts, err := s.history()
	if err != nil {
		return nil, err
	}
	proven, err := s.Ledger.Proven(string(s.env), s.name())
	if err != nil {
		return nil, err
	}
	stay := map[artifact.Commit]bool{commit: true}
	for _, c := range proven {
		if len(stay) < keptVersions {
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
