package contract

import "github.com/pikasTech/unidesk-artifact-cd/internal/fault"

// Obstacle returns the decision for an error before the switch. It is the same for a
// plan, a run and an apply: gated if a grant does not open its gate, blocked if the
// answer to a check is no, failed if there is no answer or an act failed.
func Obstacle(err error) Decision {
	switch fault.ReasonOf(err) {
	case fault.Interrupted:
		return DecidedInterrupted
	case fault.GrantInvalid, fault.GrantExpired, fault.GrantUsed, fault.GrantMismatch:
		return DecidedGated
	case fault.Locked, fault.Busy, fault.ChangePending, fault.Stale: // an answer, though waiting may end it
		return DecidedBlocked
	case fault.HostUnreachable, fault.HostKeyMismatch, fault.NotAnAgent, fault.Stalled, // no answer
		fault.RegistryUnavailable, fault.EngineUnavailable, fault.LedgerUnavailable, fault.Internal,
		fault.KubernetesUnavailable, fault.EngineFailed, fault.ComposeFailed, fault.RolloutFailed, fault.RevertFailed, fault.NotProven: // an act
		return DecidedFailed
	}
	if fault.Retryable(err) {
		return DecidedFailed
	}
	return DecidedBlocked
}
