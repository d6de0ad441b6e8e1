package present

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
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
func exitCode(r deploy.Result) int {
	if r.Failure != nil {
		switch r.Failure.Reason {
		case fault.Usage, fault.CommitNotPinned, fault.UnknownService:
			return ExitUsage
		}
	}
	return decisionCode(r.Decision)
}

func decisionCode(d deploy.Decision) int {
	switch d {
	case deploy.DecidedContract, deploy.DecidedReady, deploy.DecidedSucceeded, deploy.DecidedUnchanged:
		return ExitOK
	case deploy.DecidedBlocked, deploy.DecidedUnsupported, deploy.DecidedGated, deploy.DecidedDeprecated, deploy.DecidedIncomplete:
		return ExitBlocked
	case deploy.DecidedDegraded:
		return ExitDegraded
	case deploy.DecidedInterrupted:
		return ExitInterrupted
	default:
		return ExitFailed
	}
}

// registryExit is what a report comes to as an exit code.
func registryExit(r registry.Report) int {
	switch {
	case r.OK:
		return ExitOK
	case r.Decision == registry.ServiceDegraded, r.Decision == registry.Drifted:
		return ExitDegraded
	default:
		return ExitFailed
	}
}
