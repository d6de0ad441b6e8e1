package envfile

// Raw gives tests what nobody else gets.
func Raw(c Content) []byte { return c.raw }

// Check is the comparison that every edit ends with.
func Check(before, after Content, assignments map[string]string) error {
	return check(before, after, assignments)
}
