package present

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// The exit code of every decision there is.
func TestEveryDecisionHasItsExitCode(t *testing.T) {
	t.Parallel()
	want := map[contract.Decision]int{
		contract.DecidedContract: 0, contract.DecidedReady: 0, contract.DecidedStaged: 0, contract.DecidedSucceeded: 0, contract.DecidedUnchanged: 0,
		contract.DecidedRefused: 1, contract.DecidedFailed: 1, contract.DecidedReverted: 1, contract.DecidedRevertFailed: 1,
		contract.DecidedUnsettled: 1, contract.DecidedDrifted: 1, contract.DecidedBusy: 1,
		contract.DecidedBlocked: 3, contract.DecidedUnsupported: 3, contract.DecidedGated: 3, contract.DecidedDeprecated: 3, contract.DecidedIncomplete: 3,
		contract.DecidedDegraded:    4,
		contract.DecidedInterrupted: 130,
	}
	if diff := cmp.Diff(decisions(t), slices.Sorted(maps.Keys(want))); diff != "" {
		t.Errorf("decisions that are declared, and those of this table: %s", diff)
	}
	for decision, code := range want {
		if got := exitCode(contract.Result{Decision: decision}); got != code {
			t.Errorf("%s: exit code %d, want %d", decision, got, code)
		}
	}
	for _, reason := range []fault.Reason{fault.Usage, fault.CommitNotPinned, fault.UnknownService} {
		if got := exitCode(contract.Refused(fault.New(reason, "the request is wrong"))); got != 2 {
			t.Errorf("refused for %s: exit code %d, want 2", reason, got)
		}
	}
}

// decisions returns the decisions that contract/decision.go declares.
func decisions(t *testing.T) (all []contract.Decision) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../contract/decision.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Decision" {
			literal, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, contract.Decision(literal))
		}
		return true
	})
	slices.Sort(all)
	return all
}
