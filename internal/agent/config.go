package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/store"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/pull"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// Defaults of agent.yaml and of the commands.
const (
	DefaultConfig = "/etc/unidesk/agent.yaml"
	DefaultSocket = "/run/unidesk-agent/agent.sock"
	defaultState  = "/var/lib/unidesk-agent"
)

// version is that of agent.yaml. Version 1 is read, too; its projects list services
// without their placement, so that these can be observed and not switched.
const version = 2

// maxConfig is far more than any configuration needs.
const maxConfig = 1 << 20

// Config is agent.yaml; docs/agent.yaml describes each key.
type Config struct {
	Version int `yaml:"version"`
	// Socket is made by the agent itself unless systemd passes it a socket.
	Socket string `yaml:"socket"`
	// Registry is the URL of this host's registry; empty for a host without.
	Registry string `yaml:"registry"`
	// Repositories are those whose layers are copied for deltas: names, or beginnings of
	// names that end in a slash; none for no copies.
	Repositories []string `yaml:"repositories"`
	// DeltaQuota is the most bytes that the copies may have.
	DeltaQuota int64 `yaml:"deltaQuota"`
	Roles      Roles `yaml:"roles"`
	// Docker is the path of the engine's socket; empty for a host without.
	Docker string `yaml:"docker"`
	// RegistryRoots are the folders below which a registry may be installed; none on
	// a host that manages no registry.
	RegistryRoots []string `yaml:"registryRoots"`
	// State is the folder of what the agent must remember.
	State string `yaml:"state"`
	// Projects are the Compose projects of this host, by Compose's name for each.
	Projects map[string]Project `yaml:"projects"`
	// Kubernetes is this host's cluster; nil on a host whose cluster is not served.
	Kubernetes *Kubernetes `yaml:"kubernetes"`
}

// Roles are the accounts, by name or numeric id, that hold each role.
type Roles struct {
	Read    []string `yaml:"read"`
	Operate []string `yaml:"operate"`
	Admin   []string `yaml:"admin"`
}

// LoadFile reads agent.yaml, which only root, or the account of this agent, may write.
func LoadFile(path string) (Config, error) {
	if err := statefile.Guarded(statefile.Trust{}, path); err != nil {
		return Config{}, fault.New(fault.ConfigInvalid, "agent.yaml: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fault.New(fault.ConfigInvalid, "%w", err)
	}
	defer f.Close()
	c, err := Load(f)
	if err != nil {
		return Config{}, fault.New(fault.ConfigInvalid, "%s: %w", path, err)
	}
	return c, nil
}

// Load reads a configuration strictly: a key that is not known is an error, since
// a misspelt restriction would be none.
func Load(r io.Reader) (Config, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil {
		return Config{}, err
	}
	if len(b) > maxConfig {
		return Config{}, fmt.Errorf("longer than %d bytes", maxConfig)
	}
	c := Config{Socket: DefaultSocket, State: defaultState, Repositories: []string{"unidesk/"}, DeltaQuota: store.DefaultQuota}
	if err := yaml.Load(b, &c, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		return Config{}, err
	}
	if c.Kubernetes != nil {
		c.Kubernetes.complete(c.State)
	}
	return c, c.Validate()
}

// Validate checks all keys and reports every fault at once.
func (c Config) Validate() error {
	var errs []error
	if c.Version != 1 && c.Version != version {
		errs = append(errs, fmt.Errorf("version: %d, this agent knows 1 and %d", c.Version, version))
	}
	paths := []struct {
		key, value string
		optional   bool
	}{{"socket", c.Socket, false}, {"docker", c.Docker, true}, {"state", c.State, false}}
	for _, p := range paths {
		// An abstract socket (@name) has no mode: CVE-2020-15257.
		if missing := p.optional && p.value == ""; !missing && !filepath.IsAbs(p.value) {
			errs = append(errs, fmt.Errorf("%s: %q is not an absolute path", p.key, p.value))
		}
	}
	for _, root := range c.RegistryRoots {
		if !filepath.IsAbs(root) || filepath.Clean(root) != root || root == "/" {
			errs = append(errs, fmt.Errorf("registryRoots: %q is not an absolute, clean path of a folder", root))
		}
	}
	if len(c.RegistryRoots) > 0 && c.Docker == "" {
		errs = append(errs, errors.New("registryRoots: a registry needs an engine, and docker names none"))
	}
	if c.Registry != "" {
		if err := (pull.Config{URL: c.Registry}).Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range c.Repositories {
		if _, err := artifact.ParseRepository(strings.TrimSuffix(name, "/")); err != nil {
			errs = append(errs, fmt.Errorf("repositories: %q is neither a repository nor, with a slash at its end, the beginning of one", name))
		}
	}
	if len(c.Repositories) > 0 && c.DeltaQuota <= 0 {
		errs = append(errs, fmt.Errorf("deltaQuota: %d is not a number of bytes; no repositories are copied with repositories: []", c.DeltaQuota))
	}
	if _, err := newRoles(c.Roles); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, c.validateProjects(), c.validateKubernetes())
	return errors.Join(errs...)
}
