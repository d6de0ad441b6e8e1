package inventory

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Unasked is a question that was not answered.
type Unasked struct {
	// What was to be asked, of whom.
	What    string       `json:"what"`
	Reason  fault.Reason `json:"reason"`
	Message string       `json:"message"`
	Retry   bool         `json:"retryable"`
	Hint    string       `json:"hint,omitempty"`
}

// NotAsked is the question, with the error that kept it from its answer.
func NotAsked(what string, err error) *Unasked {
	return &Unasked{What: what, Reason: fault.ReasonOf(err), Message: err.Error(), Retry: fault.Retryable(err), Hint: fault.HintOf(err)}
}
