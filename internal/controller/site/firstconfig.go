package site

import (
	"path"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
)

// FirstConfig returns what a host's first agent.yaml holds. It names a registry only
// on the host that holds the registry.
func (c Config) FirstConfig(services *catalog.Catalog, host string) (first bootstrap.FirstConfig, err error) {
	if host == c.RegistryHost {
		first.Registry = "http://" + c.Registry.Endpoint.String()
		first.RegistryRoots = slices.Compact([]string{path.Dir(c.Registry.Directory), path.Dir(c.Registry.Storage)})
	}
	first.Placement, err = c.sections(services, host)
	return first, err
}
