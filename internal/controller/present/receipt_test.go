package present

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestAReceiptIsAScreenForPeople(t *testing.T) {
	t.Parallel()
	commit, err := artifact.ParseCommit(strings.Repeat("b", 40))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	id, err := artifact.ParseServiceID("frontend")
	if err != nil {
		t.Fatal(err)
	}
	r := ledger.Receipt{
		ID: "r1", Service: id, Env: artifact.Prod, Commit: commit, Outcome: ledger.Reverted, Who: "ops", Controller: "1.2",
		Started: began, Finished: began.Add(90 * time.Second), Failure: "health answer is 503, want 200",
		Before:     workload.Before{Commit: strings.Repeat("a", 40)},
		Steps:      []ledger.Step{{Point: workload.PointSwitch, At: began.Add(2 * time.Second)}},
		Provenance: provenance.Verdict{Status: provenance.Contradicted, Detail: "another digest"},
		Grant:      &grant.Grant{Statement: grant.Statement{Nonce: "n1"}, Signer: "boss", Key: "SHA256:k"},
		Disturbed:  []string{"database was restarted"}, DownSeconds: 61.25, Logs: []string{"panic: no", "goroutine 1"},
		Note: ledger.Note{Message: "fix the login", Link: "https://ci.example/7"},
	}
	var out bytes.Buffer
	if err := printReceipt(&out, ShownReceipt{Receipt: r}); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{
		"reverted  frontend prod " + commit.String() + "  90.0 s\n", "  because        health answer is 503", "  ran before     aaaa",
		"2026-01-02 03:05:35Z, by ops, with controller 1.2\n", "  steps             2.0 s  switch\n",
		"  provenance     contradicted, another digest\n", "  grant          by boss (SHA256:k), nonce n1\n", "  disturbed      ! database was restarted\n",
		"  message        fix the login\n", "  link           https://ci.example/7\n", "  down for       61.2 s\n",
		"  logs           panic: no\n                 goroutine 1\n",
	} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("it does not say %q:\n%s", words, out.String())
		}
	}
}

// How long it was down is the failed run's, and not that of the receipt which verify shows.
func TestAFailedRunSaysHowLongItWasDown(t *testing.T) {
	t.Parallel()
	for _, mutated := range []bool{true, false} {
		r := contract.Result{Mutated: mutated, Receipt: &ledger.Receipt{DownSeconds: 5}, Failure: &contract.Failure{}}
		var out strings.Builder
		if err := printResult(&out, r); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "  down for       5.0 s\n") != mutated {
			t.Errorf("mutated %v: %s", mutated, out.String())
		}
	}
}

// What a revert left is in each answer about it.
func TestWhatARevertLeftIsShown(t *testing.T) {
	t.Parallel()
	left := []string{"web stays", "worker stays"}
	for name, print := range map[string]func(io.Writer) error{
		"result": func(out io.Writer) error { return printResult(out, contract.Result{Warnings: left}) },
		"receipt": func(out io.Writer) error {
			return printReceipt(out, ShownReceipt{Receipt: ledger.Receipt{Warnings: left}})
		},
		"recover": func(out io.Writer) error {
			return printRecovered(out, []contract.Recovery{{Action: contract.TookBack, Warnings: left}})
		},
	} {
		var out strings.Builder
		if err := print(&out); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "  warning        ! w"); got != 2 {
			t.Errorf("%s: %d warnings: %s", name, got, out.String())
		}
	}
}
