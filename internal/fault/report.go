package fault

import "time"

// Report is an error as JSON carries it.
type Report struct {
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
	Retry   bool   `json:"retryable"`
	// Hint is a sentence. It has the line to type, if there is a line to type.
	Hint string `json:"hint,omitempty"`
	// From is the host whose words the message and the hint quote.
	From string `json:"from,omitempty"`
	// By is the run that stands in the way, Until how long it does so at least, by the
	// clock of its host.
	By    string    `json:"by,omitempty"`
	Until time.Time `json:"until,omitzero"`
	// Action is what the hint leads to. A program puts its own line in its place.
	Action Action `json:"-"`
}

// ReportOf returns the error's report. Its hint and action are those of the
// outermost fault that has either.
func ReportOf(err error) Report {
	by, until := HolderOf(err)
	return Report{By: by, Until: until, Reason: ReasonOf(err), Message: err.Error(), Retry: Retryable(err), Hint: HintOf(err), From: FromOf(err), Action: ActionOf(err)}
}
