package k3s

import "time"

// SetLimits makes a runtime's waits short.
func (r *Runtime) SetLimits(grace, schedule, retry time.Duration) {
	r.limits = limits{grace: grace, schedule: schedule, retry: retry}
}

// Reason is [reason].
func Reason(trouble string) string { return reason(trouble) }
