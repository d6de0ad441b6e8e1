package agent

import (
	"strings"
	"testing"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// The role admin makes the account root's equal there, so its hint names the way without.
func TestARoleThatIsMissingIsNamedWithItsPrice(t *testing.T) {
	t.Parallel()
	for need, price := range map[artifactv1.Role]bool{
		artifactv1.Role_ROLE_READ: false, artifactv1.Role_ROLE_OPERATE: false, artifactv1.Role_ROLE_ADMIN: true,
	} {
		g := &guard{need: map[string]artifactv1.Role{"/s/M": need}}
		hint := fault.HintOf(g.allow(caller{uid: 4001, role: rpc.RoleNone}, "/s/M"))
		role := strings.ToLower(strings.TrimPrefix(need.String(), "ROLE_"))
		if !strings.Contains(hint, "roles."+role) || strings.Contains(hint, "docs/hosts.md") != price {
			t.Errorf("%s: %q", need, hint)
		}
	}
}
