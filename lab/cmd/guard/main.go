// Command guard waits beside a lab and takes it away when it dies. The lab starts
// it; it is of no use by hand.
package main

import (
	"fmt"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

func main() {
	if err := lab.Guard(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}
