//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// A deploy to the master only reads on D601: the read-only account is enough.
func TestTheReadOnlyAccountCanDeployToTheMaster(t *testing.T) {
	const service = "project-manager"
	commit := release(t, service, lab.Change{}).SourceCommit
	a := deployNow(t, service, commit, "--config", "/etc/unidesk-ro")
	a.want(t, contract.DecidedSucceeded, "", 0)
	lives(t, service, commit)
}

// An account without the role gets the reason, and nothing is touched.
func TestAnAccountWithoutARoleIsRefused(t *testing.T) {
	const service = "project-manager"
	commit := release(t, service, lab.Change{}).SourceCommit
	before, _ := docker(t, "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
	for account, why := range map[string]string{
		noRole:  "needs the role read", // the socket lets it in, the agent does not
		outside: "may not open the agent's socket",
	} {
		t.Run(account, func(t *testing.T) {
			a := deployNow(t, service, commit, "--config", strings.Replace(account, "unidesk-", "/etc/unidesk-", 1))
			a.want(t, contract.DecidedBlocked, fault.RoleMissing, 3)
			if f := a.result.Failure; !strings.Contains(f.Message, why) || f.Hint == "" || f.Next.IsZero() {
				t.Errorf("failure %+v, want %q in it", f, why)
			}
			if a.result.Mutated {
				t.Error("something was changed")
			}
		})
	}
	if after, _ := docker(t, "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}}"); after != before {
		t.Errorf("containers are %q, were %q", after, before)
	}
}
