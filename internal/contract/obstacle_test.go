package contract_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// What a check answers is no failure, and what does not answer blocks nothing. A new
// reason is blocked until it has a line here.
func TestAnObstacleIsAnAnswerOrNone(t *testing.T) {
	t.Parallel()
	failed := map[fault.Reason]bool{
		fault.RegistryUnavailable: true, fault.EngineUnavailable: true, fault.HostUnreachable: true, fault.HostKeyMismatch: true,
		fault.NotAnAgent: true, fault.Stalled: true, fault.LedgerUnavailable: true, fault.Internal: true,
		fault.KubernetesUnavailable: true, fault.RolloutFailed: true,
		fault.EngineFailed: true, fault.ComposeFailed: true, fault.RevertFailed: true, fault.NotProven: true,
	}
	gated := map[fault.Reason]bool{fault.GrantInvalid: true, fault.GrantExpired: true, fault.GrantUsed: true, fault.GrantMismatch: true}
	waits := map[fault.Reason]bool{fault.Locked: true, fault.Busy: true, fault.ChangePending: true, fault.Stale: true}
	for _, reason := range reasons(t) {
		want, later := contract.DecidedBlocked, contract.DecidedFailed
		switch {
		case reason == fault.Interrupted:
			want, later = contract.DecidedInterrupted, contract.DecidedInterrupted
		case failed[reason]:
			want = contract.DecidedFailed
		case gated[reason]:
			want, later = contract.DecidedGated, contract.DecidedGated
		case waits[reason]:
			later = contract.DecidedBlocked
		}
		if got := contract.Obstacle(fault.New(reason, "no")); got != want {
			t.Errorf("%s: %s, want %s", reason, got, want)
		}
		if got := contract.Obstacle(fault.Transient(reason, "not now")); got != later {
			t.Errorf("%s, which may pass: %s, want %s", reason, got, later)
		}
	}
}

// reasons are all that package fault declares.
func reasons(t *testing.T) (all []fault.Reason) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../fault/fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fault.Reason(text))
		}
		return true
	})
	if len(all) < 40 {
		t.Fatalf("only %d reasons: %q", len(all), all)
	}
	return all
}
