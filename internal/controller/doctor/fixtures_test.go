package doctor

import (
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// commitOf is forty times the digit.
func commitOf(digit string) artifact.Commit {
	return must(artifact.ParseCommit(strings.Repeat(digit, 40)))
}

func serviceID(s string) artifact.ServiceID { return must(artifact.ParseServiceID(s)) }

func receiptOf(service string, env artifact.Env, digit string, outcome ledger.Outcome) ledger.Receipt {
	return ledger.Receipt{ID: digit, Service: serviceID(service), Env: env, Commit: commitOf(digit), Outcome: outcome, Finished: now}
}
