package site

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
)

// Placement returns the section "projects" of a host's agent.yaml that places the
// catalog's services there. A comment in it explains what to do with it. The result
// is a comment alone if there is nothing to place.
func (c Config) Placement(services *catalog.Catalog, host string) (string, error) {
	if host == catalog.Master {
		return "# The controller places the services of the master itself, as its catalog has them. No agent.yaml says it.\n", nil
	}
	if _, err := c.HostNamed(host); err != nil {
		return "", err
	}
	section, err := c.projects(services, host)
	if err != nil {
		return "", err
	}
	if section == "" {
		return fmt.Sprintf("# The catalog has no Compose service on %s: there is nothing to place.\n", host), nil
	}
	return fmt.Sprintf(`# For /etc/unidesk/agent.yaml on %s (version: 2), in place of its section "projects".
# Fill in root, files and envFile of each project, and leave out a project that the
# host does not have; then systemctl restart unidesk-agent
%s`, host, section), nil
}

// projects returns that section, "" if the catalog has no Compose service on the
// host or the host is the master. A person fills in the folder of each project.
func (c Config) projects(services *catalog.Catalog, host string) (string, error) {
	if host == catalog.Master {
		return "", nil
	}
	specs := services.Workloads(host, c.Master.Project)
	var names []string
	for _, s := range specs {
		names = append(names, s.Ref.Scope())
	}
	if len(names) == 0 {
		return "", nil
	}
	var b strings.Builder
	b.WriteString("projects:\n")
	for _, name := range slices.Compact(names) { // specs are in the order of their names
		lines, err := placement.Of(name, specs...).YAML(4)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, `  %s:
    root: /FILL-IN # the project's folder, absolute
    files: [docker-compose.yml] # its Compose files, absolute or below root
    envFile: /FILL-IN # the env file that Compose reads and a deploy edits, absolute
%s`, name, lines)
	}
	return b.String(), nil
}
