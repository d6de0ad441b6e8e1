package bootstrap

import (
	"fmt"
	"strconv"
	"strings"
)

// FirstConfig are the parts of a host's first agent.yaml that differ.
type FirstConfig struct {
	// Registry is the registry's URL, "" on a host that holds none.
	Registry string
	// RegistryRoots are the folders below which a registry may be installed.
	RegistryRoots []string
}

// render writes agent.yaml for an account, which gets every right: it has root by
// sudo already. Root itself needs no role.
func (c FirstConfig) render(account string) []byte {
	var b strings.Builder
	b.WriteString("# What unidesk-agent may know and do on this host. Written once by `unidesk-controller host bootstrap` and never\n" +
		"# overwritten; docs/agent.yaml describes each key. After an edit: systemctl restart unidesk-agent\nversion: 1\n")
	if c.Registry != "" {
		fmt.Fprintf(&b, "registry: %q\nregistryRoots:\n", c.Registry)
		for _, root := range c.RegistryRoots {
			fmt.Fprintf(&b, "  - %q\n", root)
		}
	}
	admins := ""
	if account != "root" {
		admins = strconv.Quote(account)
	}
	fmt.Fprintf(&b, "docker: /run/docker.sock\nroles:\n  read: []\n  operate: []\n  admin: [%s]\n", admins)
	return []byte(b.String())
}
