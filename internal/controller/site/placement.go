package site

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Placement reads the configuration and returns [Config.Placement] of a host, or
// [Config.Rights] if rights is set.
func Placement(configDir, host string, rights bool) (string, error) {
	c, err := LoadConfig(configDir)
	if err != nil {
		return "", err
	}
	services, err := LoadCatalog(configDir)
	if err != nil {
		return "", err
	}
	if rights {
		return c.Rights(services, host)
	}
	return c.Placement(services, host)
}

// Placement returns the sections "projects" and "kubernetes" of a host's agent.yaml
// that place the catalog's services there. A comment in it explains what to do with it.
// The result is a comment alone if there is nothing to place.
func (c Config) Placement(services *catalog.Catalog, host string) (string, error) {
	if host == catalog.Master {
		return "# The controller places the services of the master itself, as its catalog has them. No agent.yaml says it.\n", nil
	}
	if _, err := c.HostNamed(host); err != nil {
		return "", err
	}
	section, err := c.sections(services, host)
	if err != nil {
		return "", err
	}
	if section == "" {
		return fmt.Sprintf("# The catalog has no service on %s: there is nothing to place.\n", host), nil
	}
	return fmt.Sprintf(`# For /etc/unidesk/agent.yaml on %s (version: 2), in place of its sections of the same
# names. Fill in root, files and envFile of each project, and leave out what the host
# does not have; then, as root: systemctl restart unidesk-agent
%s`, host, section), nil
}

// Rights returns the manifest that a host's cluster needs for the catalog's services
// there.
func (c Config) Rights(services *catalog.Catalog, host string) (string, error) {
	if _, err := c.HostNamed(host); err != nil {
		return "", err
	}
	return "# For the cluster of " + host + ": kubectl apply -f -\n" + rights.Manifest(services.Workloads(host, c.Master.Project)), nil
}

// sections returns both, "" if the catalog has no service on the host or the host is
// the master.
func (c Config) sections(services *catalog.Catalog, host string) (string, error) {
	if host == catalog.Master {
		return "", nil
	}
	specs := services.Workloads(host, c.Master.Project)
	projects, err := projects(specs)
	if err != nil {
		return "", err
	}
	namespaces, err := namespaces(specs)
	return projects + namespaces, err
}

// scopes returns the projects or the namespaces of the workloads of a runtime.
func scopes(specs []workload.Spec, r workload.Runtime) (names []string) {
	for _, s := range specs {
		if s.Ref.Runtime() == r {
			names = append(names, s.Ref.Scope())
		}
	}
	return slices.Compact(names) // specs are in the order of their names
}

// namespaces returns the section "kubernetes", "" if nothing runs there.
func namespaces(specs []workload.Spec) (string, error) {
	names := scopes(specs, workload.Kubernetes)
	if len(names) == 0 {
		return "", nil
	}
	var b strings.Builder
	b.WriteString("kubernetes:\n  namespaces:\n")
	for _, name := range names {
		lines, err := placement.OfNamespace(name, specs...).YAML(6)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "    %s:\n%s", name, lines)
	}
	return b.String(), nil
}

// projects returns the section "projects", "" if nothing runs in Compose. A person
// fills in the folder of each project.
func projects(specs []workload.Spec) (string, error) {
	names := scopes(specs, workload.Compose)
	if len(names) == 0 {
		return "", nil
	}
	var b strings.Builder
	b.WriteString("projects:\n")
	for _, name := range names {
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
