package doctor

import (
	"fmt"
)

// Counted is a number of things that are named one of them.
func Counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
