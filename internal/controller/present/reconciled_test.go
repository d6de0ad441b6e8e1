package present

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestARowTellsWhatWouldChange(t *testing.T) {
	t.Parallel()
	commit, err := artifact.ParseCommit(strings.Repeat("b", 40))
	if err != nil {
		t.Fatal(err)
	}
	runs := func(commit string) *workload.Instance {
		return &workload.Instance{Commit: commit, Stamped: map[string]string{workload.KeyCommit: "another"}}
	}
	for want, plan := range map[string]contract.Plan{
		"ready  bbbbbbbbbbbb runs already: nothing would change":            {AlreadyLive: true, Live: runs(commit.String())},
		"ready  bbbbbbbbbbbb would be the first to run":                     {},
		"ready  would change aaaaaaaaaaaa to bbbbbbbbbbbb":                  {Live: runs(strings.Repeat("a", 40))},
		"ready  would change an image that names no commit to bbbbbbbbbbbb": {Live: runs("")},
	} {
		r := contract.Result{OK: true, Decision: contract.DecidedReady, Plan: &plan, Contract: &contract.Contract{Commit: commit}}
		var out strings.Builder
		if err := printReconciliation(&out, contract.Reconciliation{OK: true, Decision: contract.DecidedReady, Env: artifact.Prod, Services: []contract.Reconciled{
			{Service: "frontend", Outcome: contract.OutcomeDone, Result: &r},
		}}); err != nil || !strings.Contains(out.String(), "  frontend       "+want+"\n") {
			t.Errorf("%v: want %q:\n%s", err, want, out.String())
		}
	}
}

func TestADegradedResultTellsHowToGoBack(t *testing.T) {
	t.Parallel()
	for decision, wanted := range map[contract.Decision]bool{contract.DecidedDegraded: true, contract.DecidedReverted: false, contract.DecidedSucceeded: true} {
		var out strings.Builder
		r := contract.Result{OK: decision == contract.DecidedSucceeded, Decision: decision, Rollback: contract.Words("the", "command")}
		if err := printResult(&out, r); err != nil || strings.Contains(out.String(), "rollback       the command") != wanted {
			t.Errorf("%s: %v\n%s", decision, err, out.String())
		}
	}
}

func TestARowClaimsNothingOfWhatWasNotLookedAt(t *testing.T) {
	t.Parallel()
	r := contract.Result{OK: true, Decision: contract.DecidedReady, Plan: &contract.Plan{Unseen: "it is infrastructure"}, Contract: &contract.Contract{}}
	if row := inARow(r); !strings.HasSuffix(row, " is published as it should be; what runs was not looked at") {
		t.Error(row)
	}
}

func TestACheckThatIsNotNeededNowIsNoRedOne(t *testing.T) {
	t.Parallel()
	r := contract.Result{OK: true, Decision: contract.DecidedReady, Contract: &contract.Contract{}, Plan: &contract.Plan{
		AlreadyLive: true, Checks: []proof.Check{{Name: "env file TOKEN", Detail: "is missing or empty"}},
	}}
	var out strings.Builder
	if err := printResult(&out, r); err != nil || strings.Contains(out.String(), "✗") || !strings.Contains(out.String(), "! env file TOKEN is missing or empty (not needed now") {
		t.Errorf("%v\n%s", err, out.String())
	}
	r.Decision, r.Plan.Checks = contract.DecidedBlocked, []proof.Check{{Name: "provenance", Detail: "contradicted: another digest"}}
	out.Reset()
	if err := printResult(&out, r); err != nil || !strings.Contains(out.String(), "✗ provenance contradicted: another digest\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// What nobody could look at is not nothing.
func TestWhatNobodyCouldTellIsNotNone(t *testing.T) {
	t.Parallel()
	var diff, gone, back strings.Builder
	if err := printComparison(narrow(&diff), contract.Comparison{Services: []contract.Difference{{Service: "web"}}}); err != nil || !strings.Contains(diff.String(), "not known") {
		t.Errorf("%v\n%s", err, diff.String())
	}
	silent := inventory.RollbackOptions{Running: workload.NotKnown("D601", "not known"), Candidates: []inventory.Candidate{{Registry: inventory.UnknownThere}}, Unasked: []inventory.Unasked{{What: "what runs"}}}
	if err := printRollback(&back, silent); err != nil || !strings.HasPrefix(back.String(), "cannot tell  ") || strings.Contains(back.String(), "none") {
		t.Errorf("%v\n%s", err, back.String())
	}
	if err := printRollback(&gone, inventory.RollbackOptions{Candidates: []inventory.Candidate{{Registry: inventory.GoneThere}}}); err != nil || !strings.HasPrefix(gone.String(), "nothing to roll back to  ") {
		t.Errorf("%v\n%s", err, gone.String())
	}
	var now strings.Builder
	if err := printRollback(&now, inventory.RollbackOptions{Candidates: []inventory.Candidate{{Runs: true, Why: "current version"}}}); err != nil ||
		!strings.Contains(now.String(), "\n• ") || strings.Contains(now.String(), "✗") || strings.Contains(now.String(), " not ") {
		t.Errorf("what runs is no refusal: %v\n%s", err, now.String())
	}
}

func TestAPlanWithAGrantSaysByWhomItIsSigned(t *testing.T) {
	t.Parallel()
	r := contract.Result{
		OK: true, Decision: contract.DecidedReady, Plan: &contract.Plan{},
		Contract: &contract.Contract{Grant: &grant.Grant{Signer: "alice@example.org", Key: "SHA256:x"}},
	}
	var out strings.Builder
	if err := printResult(&out, r); err != nil || !strings.Contains(out.String(), "by alice@example.org (SHA256:x)") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// Behind a gate a plan shows all that it saw, and names the gate once.
func TestAGatedPlanShowsWhatItSaw(t *testing.T) {
	t.Parallel()
	gate := contract.Gate{Code: catalog.Promote, Why: "dev comes first", Next: contract.Words("go", "to", "dev")}
	r := contract.Result{
		Contract: &contract.Contract{Gate: gate}, Plan: &contract.Plan{Checks: []proof.Check{{Name: "the label", OK: true}}},
	}
	r.AtGate()
	var out strings.Builder
	if err := printResult(&out, r); err != nil {
		t.Fatal(err)
	}
	for word, times := range map[string]int{"dev comes first": 1, "go to dev": 1, "the label": 1, "failed at": 0} {
		if n := strings.Count(out.String(), word); n != times {
			t.Errorf("%q stands %d times, want %d:\n%s", word, n, times, out.String())
		}
	}
}
