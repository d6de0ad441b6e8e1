package present

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
)

// A person sees that the registry was not asked, and on what the way back rests.
func TestWhatRestsOnAReceiptIsShown(t *testing.T) {
	t.Parallel()
	plan := contract.Plan{ByReceipt: &contract.ByReceipt{Registry: contract.NotAsked, Cause: "ssh to D601 failed", Receipt: "r1"}}
	var out bytes.Buffer
	r := contract.Result{OK: true, Decision: contract.DecidedReady, Contract: &contract.Contract{}, Plan: &plan}
	if err := printResult(&out, r); err != nil {
		t.Fatal(err)
	}
	digest := artifact.DigestOf([]byte("proven"))
	options := inventory.RollbackOptions{
		OK: true, Service: serviceID("frontend"), Env: artifact.Prod, Hint: "load an image above",
		Candidates: []inventory.Candidate{
			{Commit: commitOf("a"), Registry: inventory.GoneThere, Digest: digest, ByReceipt: contract.NoLongerHas, Command: "the command"},
			{Commit: commitOf("b"), Registry: inventory.UnknownThere, Digest: digest, Why: "the registry did not tell"},
		},
	}
	if err := printRollback(&out, options); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"not asked: ssh to D601 failed", "rests on       receipt r1", "no longer has it", "rests on       its receipt",
		"proven was     " + digest.String(), "by hand        load an image above",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is not in:\n%s", part, out.String())
		}
	}
	if n := strings.Count(out.String(), digest.String()); n != 1 {
		t.Errorf("the digest is shown %d times, and one version has no command", n)
	}
}
