package present

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// diagnosisExit is what a diagnosis comes to as an exit code.
func diagnosisExit(d doctor.Diagnosis) int {
	switch d.Decision {
	case doctor.LevelOK:
		return ExitOK
	case doctor.LevelWarning:
		return ExitDegraded
	default:
		return ExitFailed
	}
}

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
