package workload

// Health is an answer of a health endpoint.
type Health struct {
	Status int `json:"status"`
	// Error is why there is no usable answer: refused, timed out, not JSON.
	Error string `json:"error,omitempty"`
	// OK is the payload's own "ok", or true if it has no "ok" and the status is 200.
	OK              bool            `json:"ok"`
	Commit          string          `json:"commit,omitempty"`
	RequestedCommit string          `json:"requestedCommit,omitempty"`
	Flags           map[string]bool `json:"flags,omitempty"`
}
