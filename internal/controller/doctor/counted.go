package doctor

import (
	"fmt"
)

// Counted formats n with its noun: "1 layer", "3 layers".
func Counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
