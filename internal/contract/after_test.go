package contract_test

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
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
