package contract

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// After returns the command to type after a command failed for the service of the row.
// If acts is false, the command only read, and After never returns [LiveCommand].
func After(out Result, row catalog.Row, env artifact.Env, acts bool) Command {
	f, commit := out.Failure, out.Contract.Commit
	switch {
	case out.Decision == DecidedGated: // the grant does not open the gate
		return out.Contract.ToSign()
	case f.Reason == fault.RevertFailed || f.Reason == fault.ChangePending:
		return recoverAs(f.Action)
	case f.Reason == fault.CapabilityMissing:
		return Ours("doctor")
	case f.Reason == fault.RegistryUnavailable:
		return Ours("artifact-registry", "health") // the same command would fail alike
	case f.Reason == fault.ArtifactNotFound:
		return ListCommand(row.Service.String())
	case f.Reason == fault.FailedBefore:
		again := *out.Contract
		if again.again = true; acts {
			return again.Meant(LiveCommand(row, env, commit.String()))
		}
		return again.Meant(DeployCommand(row.Service, env, commit.String()))
	case f.Reason == fault.TagMoved: // a person decides which image is meant
		return Ours("history", "--service", row.Service.String())
	case out.Contract.asked.Entry == ByPrefetch: // a prefetch does not lead to a command that deploys
		return out.Contract.Meant(PrefetchCommand(row.Service, env, commit.String()))
	case out.Decision == DecidedReverted && !f.Retry && out.Receipt != nil:
		return Ours("history", "show", out.Receipt.ID)
	case acts && (f.Retry || f.Reason == fault.RecoveryNeeded || out.Decision == DecidedInterrupted):
		return out.Contract.Meant(LiveCommand(row, env, commit.String()))
	}
	return out.Contract.Meant(DeployCommand(row.Service, env, commit.String())) // the plan shows when the cause is gone
}

// recoverAs returns RecoverCommand, in its form for root if the action is RecoverAsRoot.
func recoverAs(a fault.Action) Command {
	if a == fault.RecoverAsRoot {
		return Words(remedy.Words(a)...)
	}
	return RecoverCommand()
}

// Unrecovered is the failure of recover.
func Unrecovered(decision Decision, step workload.Point, err error) *Failure {
	var out Result
	out.Fail(decision, step, err)
	out.Failure.Next = recoverAs(out.Failure.Action)
	return out.Failure
}
