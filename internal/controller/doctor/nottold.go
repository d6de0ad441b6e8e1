package doctor

import (
	"cmp"
)

// OrNotTold marks what an agent did not report. The gap means nothing about its host.
func OrNotTold(s string) string { return cmp.Or(s, "unknown") }
