package envfile

// Raw gives tests what nobody else gets.
func Raw(c Content) []byte { return c.raw }
