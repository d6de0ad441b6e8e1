package bootstrap

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/packaging"
)

// FirstConfig are the parts of a host's first agent.yaml that differ.
type FirstConfig struct {
	// Role is what the account that the bootstrap logs in as may do, "" for admin.
	Role rpc.Role
	// Registry is the registry's URL, "" on a host that holds none.
	Registry string
	// RegistryRoots are the folders below which a registry may be installed.
	RegistryRoots []string
	// Placement are the sections "projects", with places to fill in, and "kubernetes";
	// "" on a host that the catalog has no service on. It is written as comments.
	Placement string
}

// toDo returns what a person is to do. A drop-in for a root that the agent's unit may
// not write to is a person's to write.
func (c FirstConfig) toDo(f Facts) (list []string) {
	if f.Trouble != "" {
		list = append(list, "repair the host's cluster, and run the same command again; until then the agent gets nothing there: "+f.Trouble)
	}
	var writable []string
	for _, f := range packaging.Files() {
		for line := range strings.Lines(string(f.Content)) {
			if paths, ok := strings.CutPrefix(strings.TrimSpace(line), "ReadWritePaths="); ok {
				writable = append(writable, strings.Fields(paths)...)
			}
		}
	}
	for _, root := range c.RegistryRoots {
		let := slices.ContainsFunc(writable, func(p string) bool {
			p = strings.TrimPrefix(p, "-")
			return root == p || strings.HasPrefix(root, p+"/")
		})
		if !let {
			list = append(list, fmt.Sprintf("on the host, as root, unless it is done: let the agent write to %[1]s: systemctl edit unidesk-agent, "+
				"with [Service] and ReadWritePaths=%[1]s (if that is not there yet, name the nearest folder above it that is: the agent does not start "+
				"with a missing one, 226/NAMESPACE), then systemctl restart unidesk-agent", root))
		}
	}
	return list
}

// ParseRole reads a role that an account can have.
func ParseRole(s string) (rpc.Role, error) {
	switch r := rpc.Role(s); r {
	case rpc.RoleRead, rpc.RoleOperate, rpc.RoleAdmin:
		return r, nil
	default:
		return "", fault.New(fault.Usage, "--role %s: a role is read, operate or admin", s)
	}
}

// role is what a person is to do about an account with another role than the asked. The
// first agent.yaml is never overwritten.
func (c FirstConfig) role(account string, has rpc.Role) []string {
	switch {
	case c.Role == "" || has == c.Role:
		return nil
	case account == "root":
		return []string{fmt.Sprintf("bootstrap as another account than root, by sudo: root needs no role, and --role %s takes nothing from it", c.Role)}
	}
	return []string{fmt.Sprintf("on the host, as root: %[1]s has the role %[2]s, and --role is %[3]s: in %[4]s, take %[1]s out of roles.%[2]s, "+
		"add it to roles.%[3]s, then systemctl restart unidesk-agent", account, has, c.Role, configPath)}
}

// render writes agent.yaml for an account. Admin, without another role, since the next
// step of a set-up, the registry's installation, needs it. Root itself needs no role.
func (c FirstConfig) render(account string) []byte {
	var b strings.Builder
	b.WriteString("# What unidesk-agent may know and do on this host. Written once by `host bootstrap` of unidesk-controller and never\n" +
		"# overwritten. After an edit, as root: systemctl restart unidesk-agent\n" +
		"# On the controller's machine " + manual.Page("agent.yaml") + " describes each key.\nversion: 2\n")
	if c.Registry != "" {
		fmt.Fprintf(&b, "registry: %q\nregistryRoots:\n", c.Registry)
		for _, root := range c.RegistryRoots {
			fmt.Fprintf(&b, "  - %q\n", root)
		}
	}
	b.WriteString("docker: /run/docker.sock\nroles:\n")
	for _, role := range []rpc.Role{rpc.RoleRead, rpc.RoleOperate, rpc.RoleAdmin} {
		who := ""
		if role == cmp.Or(c.Role, rpc.RoleAdmin) && account != "root" {
			who = strconv.Quote(account)
		}
		fmt.Fprintf(&b, "  %s: [%s]\n", role, who)
	}
	if c.Placement != "" {
		b.WriteString("\n# The catalog's services on this host. To let them be switched, fill in root, files and envFile of each project\n" +
			"# that is here, and take the first \"# \" away from each line of what is here and from projects: or kubernetes:\n")
		for line := range strings.Lines(c.Placement) {
			b.WriteString("# " + line)
		}
	}
	return []byte(b.String())
}
