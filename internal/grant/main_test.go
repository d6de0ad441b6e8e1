package grant_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
)

// TestMain is also the program that TestKilledUsersLeaveOneUse kills: it prints
// the nonce of each grant that it has used.
func TestMain(m *testing.M) {
	if dir := os.Getenv("GRANT_TEST_USE"); dir != "" {
		now, _ := time.Parse(time.RFC3339Nano, os.Getenv("GRANT_TEST_NOW"))
		for i := range 1 << 20 {
			g := grant.Grant{Statement: grant.Draft(grant.Deploy{}, now)}
			g.Nonce = fmt.Sprintf("%032x", i)
			if grant.Use(dir, g, "a run", now) == nil {
				fmt.Fprintln(os.Stdout, g.Nonce)
			}
		}
		return
	}
	goleak.VerifyTestMain(m)
}
