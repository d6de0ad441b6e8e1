package contract_test

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A registry that is down is looked at; the same command would meet it again.
func TestAfterARegistryThatIsDownComesItsHealth(t *testing.T) {
	t.Parallel()
	for _, acts := range []bool{false, true} {
		out := contract.Result{Contract: &contract.Contract{}, Decision: contract.DecidedFailed, Failure: &contract.Failure{Report: fault.ReportOf(fault.Transient(fault.RegistryUnavailable, "refused"))}}
		if got := contract.After(out, catalog.Row{}, artifact.Prod, acts).String(); got != "unidesk-controller artifact-registry health" {
			t.Errorf("acts %t: %s", acts, got)
		}
	}
}

// An account that cannot take a change back gets the line of an account that can.
func TestWhatRootEndsIsTypedAsRoot(t *testing.T) {
	t.Parallel()
	const line, who = "sudo unidesk-controller recover", "run as alice, or as root"
	pending := contract.Unsettled(&workload.Pending{Barred: who})
	refused := fault.New(fault.RevertFailed, "not touched").WithHint(who).WithAction(fault.RecoverAsRoot)
	for _, err := range []error{pending, refused} {
		out := contract.Result{Contract: &contract.Contract{}}
		out.Fail(contract.DecidedBlocked, workload.PointPreflight, err)
		if got := contract.After(out, catalog.Row{}, artifact.Prod, false).String(); got != line || out.Failure.Hint != who+": "+line {
			t.Errorf("%v: next %q, hint %q", err, got, out.Failure.Hint)
		}
		if got := contract.Unrecovered(contract.DecidedRevertFailed, workload.PointSettle, err); got.Next.String() != line {
			t.Errorf("%v: next of recover %q", err, got.Next)
		}
	}
	if got := contract.Unrecovered(contract.DecidedFailed, workload.PointSettle, fault.New(fault.Internal, "no")); !got.Next.Equal(contract.RecoverCommand()) {
		t.Errorf("next %q", got.Next)
	}
}
