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

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestADiagnosisHasItsExitCode(t *testing.T) {
	t.Parallel()
	for decision, want := range map[doctor.Level]int{doctor.LevelOK: ExitOK, doctor.LevelWarning: ExitDegraded, doctor.LevelFault: ExitFailed} {
		if got := diagnosisExit(doctor.Diagnosis{Decision: decision}); got != want {
			t.Errorf("%s: exit code %d, want %d", decision, got, want)
		}
	}
}

// The exit code of every decision there is.
func TestEveryDecisionHasItsExitCode(t *testing.T) {
	t.Parallel()
	want := map[deploy.Decision]int{
		deploy.DecidedContract: 0, deploy.DecidedReady: 0, deploy.DecidedSucceeded: 0, deploy.DecidedUnchanged: 0,
		deploy.DecidedRefused: 1, deploy.DecidedFailed: 1, deploy.DecidedReverted: 1, deploy.DecidedRevertFailed: 1,
		deploy.DecidedUnsettled: 1, deploy.DecidedDrifted: 1, deploy.DecidedBusy: 1,
		deploy.DecidedBlocked: 3, deploy.DecidedUnsupported: 3, deploy.DecidedGated: 3, deploy.DecidedDeprecated: 3, deploy.DecidedIncomplete: 3,
		deploy.DecidedDegraded:    4,
		deploy.DecidedInterrupted: 130,
	}
	if diff := cmp.Diff(decisions(t), slices.Sorted(maps.Keys(want))); diff != "" {
		t.Errorf("decisions that are declared, and those of this table: %s", diff)
	}
	for decision, code := range want {
		if got := exitCode(deploy.Result{Decision: decision}); got != code {
			t.Errorf("%s: exit code %d, want %d", decision, got, code)
		}
	}
	for _, reason := range []fault.Reason{fault.Usage, fault.CommitNotPinned, fault.UnknownService} {
		if got := exitCode(deploy.Refused(fault.New(reason, "the request is wrong"))); got != 2 {
			t.Errorf("refused for %s: exit code %d, want 2", reason, got)
		}
	}
}

// decisions are the decisions that package deploy has, as its source says.
func decisions(t *testing.T) (all []deploy.Decision) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../deploy/result.go", nil, 0)
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
			all = append(all, deploy.Decision(literal))
		}
		return true
	})
	slices.Sort(all)
	return all
}
