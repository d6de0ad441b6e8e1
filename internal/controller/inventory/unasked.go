package inventory

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// Unasked is a question that was not answered.
type Unasked struct {
	// What was to be asked, of whom.
	What string `json:"what"`
	fault.Report
}

// NotAsked is the question, with the error that kept it from its answer.
func NotAsked(what string, err error) *Unasked {
	return &Unasked{What: what, Report: remedy.Report(err)}
}
