package controller

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// The exit codes of every command.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitBlocked     = 3
	ExitDegraded    = 4
	ExitInterrupted = 130
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
	case contract.DecidedContract, contract.DecidedReady, contract.DecidedSucceeded, contract.DecidedUnchanged:
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
