package contract

import "github.com/pikasTech/unidesk-artifact-cd/internal/fault"

// Why the registry does not resolve a commit.
const (
	NotAsked    = "not asked"        // it, or the way to it, gave no answer
	NoLongerHas = "no longer has it" // it answered that it does not have the commit
)

// ByReceipt is the source of a deploy's digests if the registry does not resolve the
// commit: a receipt of success names them, and the target's host has that image.
type ByReceipt struct {
	// Registry is [NotAsked] or [NoLongerHas]; Cause is the error.
	Registry string `json:"registry"`
	Cause    string `json:"cause"`
	// Receipt is the id of the receipt.
	Receipt string `json:"receipt"`
}

// Unresolved returns why the registry did not resolve a commit: [NotAsked] or
// [NoLongerHas]; "" for any other error: no receipt overrules another answer.
func Unresolved(err error) string {
	switch fault.ReasonOf(err) {
	case fault.ArtifactNotFound:
		return NoLongerHas
	case fault.HostUnreachable, fault.HostKeyMismatch, fault.NotAnAgent, fault.Stalled, fault.RegistryUnavailable:
		return NotAsked
	}
	return ""
}
