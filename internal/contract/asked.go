package contract

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// Again reports whether the person asked for an image though its proof has failed before.
func (c Contract) Again() bool { return c.again }

// Note is the person's note about the deploy.
func (c Contract) Note() ledger.Note { return c.note }

// OfVersion reports whether a change was reverted because of the version itself: it was
// not proven, or its container crashed during the rollout. A host that is lost, an
// interrupt, a full disk or a timeout is no fault of the version.
func OfVersion(cause error, crashed bool) bool {
	switch fault.ReasonOf(cause) {
	case fault.NotProven:
		return true
	case fault.RolloutFailed:
		return crashed && !fault.Retryable(cause)
	}
	return false
}
