package agent

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// roles maps accounts to what they may do. An account that is not in it may do nothing.
type roles map[uint32]rpc.Role

// newRoles resolves names once, at start: a lookup per connection could change
// its answer. Root may do everything: it could rewrite the configuration anyway,
// and a list that seems to keep it out would mislead.
func newRoles(c Roles) (roles, error) {
	r := roles{}
	var errs []error
	for _, list := range []struct {
		role     rpc.Role
		accounts []string
	}{{rpc.RoleRead, c.Read}, {rpc.RoleOperate, c.Operate}, {rpc.RoleAdmin, c.Admin}} {
		for _, account := range list.accounts {
			uid, err := lookup(account)
			if err != nil {
				errs = append(errs, fmt.Errorf("roles.%s: %w", list.role, err))
				continue
			}
			if had, twice := r[uid]; twice {
				errs = append(errs, fmt.Errorf("roles.%s: %q has the role %s already", list.role, account, had))
				continue
			}
			r[uid] = list.role
		}
	}
	r[0] = rpc.RoleAdmin
	return r, errors.Join(errs...)
}

// guard refuses files of a project if an account that is not root's equal may write them. An
// account of the role admin is; an account of the role operate would get more than its role gives.
func (r roles) guard(paths ...string) error {
	return statefile.Guarded(statefile.Trust{
		Account: func(uid int) bool { return r[uint32(uid)] == rpc.RoleAdmin },
		By:      "list it under roles.admin in /etc/unidesk/agent.yaml and restart unidesk-agent",
	}, paths...)
}

func lookup(account string) (uint32, error) {
	id := account
	if _, err := strconv.ParseUint(account, 10, 32); err != nil {
		u, err := user.Lookup(account)
		// This program reads the file itself, and asks no directory of accounts.
		if unknown := user.UnknownUserError(""); errors.As(err, &unknown) {
			return 0, fmt.Errorf("/etc/passwd has no account %q: correct the name, or list the numeric id (id -u)", account)
		}
		if err != nil {
			return 0, err
		}
		id = u.Uid
	}
	uid, err := strconv.ParseUint(id, 10, 32)
	return uint32(uid), err
}
