package contract_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// Only what the version did itself counts against it.
func TestOnlyTheVersionItselfFailsAProof(t *testing.T) {
	t.Parallel()
	for _, reason := range reasons(t) {
		for _, crashed := range []bool{false, true} {
			want := reason == fault.NotProven || reason == fault.RolloutFailed && crashed
			if got := contract.OfVersion(fault.New(reason, "no"), crashed); got != want {
				t.Errorf("%s, crashed %v: %v", reason, crashed, got)
			}
		}
	}
	if contract.OfVersion(fault.Transient(fault.RolloutFailed, "no time"), true) {
		t.Error("the end of the time for a rollout counts against the version")
	}
}

// The check repeats the first line of why, and no more than fits in a line.
func TestAnEarlierFailureIsToldInALine(t *testing.T) {
	t.Parallel()
	one := artifact.DigestOf([]byte("one"))
	c := contract.Contract{Env: artifact.Prod}
	r := ledger.Receipt{ID: "20260101T000000Z-1", Env: artifact.Prod, Outcome: ledger.Reverted, ProofFailed: true, Finished: time.Unix(0, 0)}
	r.Image.Manifest, r.Failure = one, "pod \x1b[2J crashes; its last lines:\n  "+strings.Repeat("x", 9000)
	checks := contract.Earlier(c, []ledger.Receipt{r}, one, artifact.Digest{})
	if len(checks) != 1 || checks[0].OK || checks[0].Reason != fault.FailedBefore || !strings.Contains(checks[0].Fix, "history show "+r.ID) {
		t.Fatalf("%+v", checks)
	}
	if want := "of this very image failed its proof at 1970-01-01 00:00:00Z (receipt 20260101T000000Z-1): pod ?[2J crashes; its last lines:"; checks[0].Detail != want {
		t.Errorf("%q, want %q", checks[0].Detail, want)
	}
	r.Outcome, r.ProofFailed, r.Failure = ledger.Degraded, false, ""
	if checks = contract.Earlier(c, []ledger.Receipt{r}, one, artifact.Digest{}); len(checks) != 1 || !strings.Contains(checks[0].Detail, "was kept degraded at ") {
		t.Errorf("%+v", checks)
	}
}
