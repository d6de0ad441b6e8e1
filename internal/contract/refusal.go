package contract

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// DryRun answers with the contract alone.
func DryRun(c Contract) Result {
	if c.Gate.Stops(ReachContract) {
		return Gated(c)
	}
	return Result{OK: true, Decision: DecidedContract, Contract: &c, Rollback: c.Rollback}
}

// Gated is the result of a command that ends at its gate: nothing was contacted.
func Gated(c Contract) Result {
	var r Result
	r.Fail(c.Gate.decision(), workload.PointGuard, c.Gate.fault())
	r.Failure.Next = c.Gate.Next
	if c.WantsGrant() {
		r.Failure.Next = c.ToSign() // the gate's is for after that
	}
	r.Contract, r.Rollback = &c, c.Rollback
	r.Running = "not looked at: the gate comes first"
	return r
}

// Deprecated is all that deploy-backend-core answers.
func Deprecated(commit string) Result {
	r := Gated(Contract{Gate: Judge(catalog.Row{}, catalog.Prod, Asked{Entry: ByDeployBackendCore, Commit: commit})})
	r.Contract = nil
	return r
}

// Ungranted is the result of a grant that does not open the gate: nothing was
// contacted.
func Ungranted(c Contract, err error) Result {
	r := Gated(c)
	r.Fail(DecidedGated, r.Failure.Step, err)
	r.Failure.Next = c.ToSign()
	return r
}

// Refused is the result of a request that was never begun.
func Refused(err error) Result {
	var r Result
	r.Fail(DecidedRefused, workload.PointGuard, err)
	if r.Failure.Next = nextOf(err); r.Failure.Next.IsZero() {
		r.Failure.Next = afterRefusal(r.Failure.Reason)
	}
	return r
}

func afterRefusal(reason fault.Reason) Command {
	switch reason {
	case fault.Usage:
		return Ours("--help")
	case fault.CommitNotPinned:
		return Ours("artifact-registry", "list")
	case fault.UnknownService, fault.Unsupported, fault.RuntimeNotBuilt:
		return Ours("services")
	case fault.ReceiptNotFound, fault.WorkloadNotFound:
		return Ours("history")
	case fault.Interrupted:
		return RecoverCommand()
	}
	return Ours("doctor")
}
