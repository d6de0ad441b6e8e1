package fault

// Report is an error as JSON carries it.
type Report struct {
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
	Retry   bool   `json:"retryable"`
	// Hint is a sentence. It has the line to type, if there is a line to type.
	Hint string `json:"hint,omitempty"`
	// Action is what the hint leads to. A program puts its own line in its place.
	Action Action `json:"-"`
}

// ReportOf returns the error's report. Its hint and action are those of the
// outermost fault that has either.
func ReportOf(err error) Report {
	return Report{Reason: ReasonOf(err), Message: err.Error(), Retry: Retryable(err), Hint: HintOf(err), Action: ActionOf(err)}
}
