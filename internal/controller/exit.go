package controller

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
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

// partly sets the exit code of an answer in which something is missing.
func (a *app) partly(ctx context.Context, missing bool) {
	switch {
	case ctx.Err() != nil:
		a.code = ExitInterrupted
	case missing:
		a.code = ExitFailed
	}
}
