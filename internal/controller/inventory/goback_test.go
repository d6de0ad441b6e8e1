package inventory

import (
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

func TestTheNewestCommitToGoBackTo(t *testing.T) {
	t.Parallel()
	commit := func(digit string) artifact.Commit { return must(artifact.ParseCommit(strings.Repeat(digit, 40))) }
	runs := Candidate{Commit: commit("a"), Runs: true, Why: "current version", Standing: ledger.Live}
	failed := Candidate{Commit: commit("b"), Command: "the line --again", Standing: ledger.RolledBack}
	gone := Candidate{Commit: commit("c"), Why: "it is no longer in the registry", Standing: ledger.Proven}
	good, older := Candidate{Commit: commit("d"), Command: "the line", Standing: ledger.Proven}, Candidate{Commit: commit("e"), Command: "the line", Standing: ledger.Proven}
	left := Candidate{Commit: commit("f"), Command: "the line", Standing: ledger.Proven, Newer: true}
	silent := NotAsked("what the registry holds", fault.Transient(fault.RegistryUnavailable, "it restarts"))
	for name, c := range map[string]struct {
		options RollbackOptions
		want    artifact.Commit
		reason  fault.Reason
		says    string
	}{
		"the newest that was not rolled back":             {RollbackOptions{Candidates: []Candidate{runs, failed, gone, good, older}, Unasked: []Unasked{*silent}}, good.Commit, "", ""},
		"a commit that was gone back from is no way back": {RollbackOptions{Candidates: []Candidate{left, runs, older}}, older.Commit, "", ""},
		"only newer commits":                              {RollbackOptions{Candidates: []Candidate{left, runs}}, artifact.Commit{}, fault.ReceiptNotFound, "ffffffffffff: it is newer than what runs; aaaaaaaaaaaa: current version"},
		"none is left":                                    {RollbackOptions{Candidates: []Candidate{runs, failed, gone}}, artifact.Commit{}, fault.ReceiptNotFound, "bbbbbbbbbbbb: its last proof failed; cccccccccccc: it is no longer in the registry"},
		"none was proven":                                 {RollbackOptions{}, artifact.Commit{}, fault.ReceiptNotFound, "no earlier deploy of it was proven"},
		"the registry was not asked":                      {RollbackOptions{Candidates: []Candidate{runs, gone}, Unasked: []Unasked{*silent}}, artifact.Commit{}, fault.RegistryUnavailable, "it restarts"},
	} {
		got, err := c.options.Newest()
		if got != c.want || (err == nil) != (c.reason == "") || err != nil && (fault.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		if err != nil && fault.Retryable(err) != (c.reason == fault.RegistryUnavailable) {
			t.Errorf("%s: retryable %v", name, fault.Retryable(err))
		}
	}
}

// After C was gone back from to A, C is newer than what runs, and B is, too.
func TestWhatWasGoneBackFromIsNewer(t *testing.T) {
	t.Parallel()
	commit := func(digit string) artifact.Commit { return must(artifact.ParseCommit(strings.Repeat(digit, 40))) }
	receipt := func(digit string, minute int, outcome ledger.Outcome) ledger.Receipt {
		return ledger.Receipt{Commit: commit(digit), Outcome: outcome, Finished: time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC)}
	}
	receipts := []ledger.Receipt{
		receipt("a", 5, ledger.Succeeded), receipt("c", 4, ledger.Succeeded), receipt("b", 3, ledger.Succeeded),
		receipt("a", 2, ledger.Succeeded), receipt("c", 1, ledger.Reverted), receipt("d", 0, ledger.Succeeded),
	}
	candidates := []Candidate{{Commit: commit("a"), Runs: true}, {Commit: commit("c")}, {Commit: commit("b")}, {Commit: commit("d")}}
	markNewer(candidates, receipts)
	for i, want := range []bool{false, true, true, false} {
		if candidates[i].Newer != want {
			t.Errorf("%s: newer %t, want %t", candidates[i].Commit.Short(), candidates[i].Newer, want)
		}
	}
	candidates[0].Runs, candidates[1].Newer, candidates[2].Newer = false, false, false
	markNewer(candidates, receipts)
	if candidates[1].Newer {
		t.Error("nothing runs, and a commit is newer than it")
	}
}

// The line for a commit that failed since asks for it again.
func TestALineBackToWhatFailedSinceAsksForItAgain(t *testing.T) {
	t.Parallel()
	p := placeOf(t, artifact.Prod)
	commit := must(artifact.ParseCommit(strings.Repeat("a", 40)))
	for standing, want := range map[ledger.Standing]bool{ledger.RolledBack: true, ledger.Proven: false, ledger.Live: false} {
		if got := backTo(p, commit, standing); strings.HasSuffix(got, " --run-now --again") != want || got == "" {
			t.Errorf("%s: %s", standing, got)
		}
	}
}
