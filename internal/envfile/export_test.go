package envfile

import "context"

// Raw gives tests what no other code gets.
func Raw(c Content) []byte { return c.raw }

// Check is the comparison that every edit ends with.
func Check(before, after Content, assignments map[string]string) error {
	return check(before, after, assignments)
}

// UpdateThrough is Update with another way to replace the file.
func UpdateThrough(ctx context.Context, path string, change func(Content) (Content, error), replace replacer) error {
	return update(ctx, path, change, replace)
}
