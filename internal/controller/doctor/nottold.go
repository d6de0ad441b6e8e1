package doctor

import (
	"cmp"
)

// OrNotTold stands for what an agent did not say: that says nothing of its host.
func OrNotTold(s string) string { return cmp.Or(s, "not told") }
