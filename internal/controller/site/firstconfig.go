package site

import (
	"path"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
)

// FirstConfig is what a host's first agent.yaml says: of a registry only on the
// host that holds one.
func (c Config) FirstConfig(host string) bootstrap.FirstConfig {
	if host != c.RegistryHost {
		return bootstrap.FirstConfig{}
	}
	roots := []string{path.Dir(c.Registry.Directory), path.Dir(c.Registry.Storage)}
	return bootstrap.FirstConfig{Registry: "http://" + c.Registry.Endpoint.String(), RegistryRoots: slices.Compact(roots)}
}
