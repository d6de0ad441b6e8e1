package controller

import "cmp"

// orNotTold stands for what an agent did not say: that says nothing of its host.
func orNotTold(s string) string { return cmp.Or(s, "not told") }
