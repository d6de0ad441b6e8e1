package present

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// exitCode is the one place where a result becomes an exit code.
func exitCode(r contract.Result) int {
	if r.Failure != nil {
		switch r.Failure.Reason {
		case fault.Usage, fault.CommitNotPinned, fault.UnknownService:
			return ExitUsage
		}
	}
	return decisionCode(r.Decision)
}

func decisionCode(d contract.Decision) int {
	switch d {
	case contract.DecidedContract, contract.DecidedReady, contract.DecidedStaged, contract.DecidedSucceeded, contract.DecidedUnchanged:
		return ExitOK
	case contract.DecidedBlocked, contract.DecidedUnsupported, contract.DecidedGated, contract.DecidedDeprecated, contract.DecidedIncomplete:
		return ExitBlocked
	case contract.DecidedDegraded:
		return ExitDegraded
	case contract.DecidedInterrupted:
		return ExitInterrupted
	default:
		return ExitFailed
	}
}
