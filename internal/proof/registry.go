package proof

import (
	"fmt"
	"strings"
)

// Registry compares the names of the registry, each a host and port: of the catalog, of
// the agent that reads it, and of the settings that manage it. It returns a warning if
// they differ. An agent of an older version names none, and differs from nothing.
func Registry(catalog, agent, managed, host string) []Check {
	var differ []string
	for _, other := range []struct{ file, key, name string }{
		{"agent.yaml of " + host, "registry", agent}, {"controller.yaml", "registry.endpoint", managed},
	} {
		if other.name != "" && sameName(other.name) != sameName(catalog) {
			differ = append(differ, fmt.Sprintf("%s names %s (%s)", other.file, other.name, other.key))
		}
	}
	if len(differ) == 0 {
		return nil
	}
	return []Check{{
		Name: "registry", OK: true, Warning: true,
		Detail: "services.yaml names " + catalog + " (registry), " + strings.Join(differ, ", ") + ": an image may be called by another name than it is read under",
		Fix:    "name one host and port in all of them; after an edit of agent.yaml, as root there: systemctl restart unidesk-agent",
	}}
}

func sameName(hostPort string) string {
	return strings.Replace(hostPort, "localhost:", "127.0.0.1:", 1)
}
