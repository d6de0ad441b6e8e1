// Package site is the installation that the controller runs on: its configuration,
// the hosts and the ways to them, the state folder, and the parts of a deploy wired
// together. It asks a host only when a caller does.
package site

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// DefaultConfigDir is where controller.yaml and services.yaml are looked for.
const DefaultConfigDir = "/etc/unidesk"

// Named returns the folder that --config has to name, "" for the folder of no --config.
func Named(dir string) string {
	if dir == DefaultConfigDir {
		return ""
	}
	return dir
}

// Config is controller.yaml. docs/configuration.md describes each key.
type Config struct {
	// Folder is the absolute path of what [Named] returns of the folder that it was read from.
	Folder  string `yaml:"-"`
	Version int    `yaml:"version"`
	// State is the folder of receipts, before-images and the spool.
	State string `yaml:"state"`
	// SpoolQuota is the most bytes that the spool may hold.
	SpoolQuota int64 `yaml:"spoolQuota"`
	// CacheQuota is the most bytes that unpacked layers may take, of which the next
	// release's are made.
	CacheQuota int64 `yaml:"cacheQuota"`
	// RegistryHost names the host, of Hosts, that holds the registry.
	RegistryHost string                   `yaml:"registryHost"`
	Hosts        map[string]tunnel.Config `yaml:"hosts"`
	// Registry is what the registry on RegistryHost is to be.
	Registry registry.Settings `yaml:"registry"`
	Master   Master            `yaml:"master"`
	// Summaries is the folder of what producers publish; "" where there is none.
	Summaries string `yaml:"summaries"`
	// Sources are the Git remotes to ask about a commit, by the catalog's source; ""
	// is that URL itself. One that is not named is not asked.
	Sources map[string]string `yaml:"sources"`
	// AllowedSigners is the file of those who may grant a deploy.
	AllowedSigners string `yaml:"allowedSigners"`
	// Notify is the program or the webhook that receives how runs end.
	Notify  notify.Config `yaml:"notify"`
	Metrics Metrics       `yaml:"metrics"`
	Watch   Watch         `yaml:"watch"`
}

// Watch is what a watch does beside its reverts.
type Watch struct {
	// Hosts has it ask the other hosts, too, each minute.
	Hosts bool `yaml:"hosts"`
	// Page is the folder in which it leaves what the page shows, if the folder is there; ""
	// for none.
	Page string `yaml:"page"`
}

// DefaultPageFolder is the folder that the package makes for the page.
const DefaultPageFolder = "/run/unidesk-page"

// Metrics is what a watch shows of this installation to Prometheus.
type Metrics struct {
	// Textfile is the file for node_exporter's collector of textfiles; "" for none.
	Textfile string `yaml:"textfile"`
}

// Master is this machine's UniDesk.
type Master struct {
	// Root is the canonical UniDesk folder; the other paths are relative to it.
	Root         string   `yaml:"root"`
	Config       string   `yaml:"config"`
	Deploy       string   `yaml:"deploy"`
	Project      string   `yaml:"project"`
	ComposeFiles []string `yaml:"composeFiles"`
	// Docker is the address of the engine's socket.
	Docker string `yaml:"docker"`
}

// Defaults are what a key has that controller.yaml leaves out.
func Defaults() Config {
	return Config{
		State:        "/var/lib/unidesk",
		SpoolQuota:   layers.DefaultQuota,
		CacheQuota:   layers.DefaultCacheQuota,
		RegistryHost: "D601",
		Hosts: map[string]tunnel.Config{
			"D601": {SSH: &tunnel.SSH{Destination: "D601", Command: []string{"unidesk-agent", "stdio"}}},
		},
		Registry:       registry.Defaults(),
		AllowedSigners: filepath.Join(DefaultConfigDir, "allowed_signers"),
		Watch:          Watch{Page: DefaultPageFolder},
		Master: Master{
			Config: "config.json", Deploy: "deploy.json", Project: "unidesk", ComposeFiles: []string{"docker-compose.yml"},
			Docker: "unix:///var/run/docker.sock",
		},
	}
}

// LoadConfig reads controller.yaml strictly.
func LoadConfig(dir string) (Config, error) {
	path := filepath.Join(dir, "controller.yaml")
	content, err := readGuarded(path)
	if err != nil {
		return Config{}, fault.New(fault.ConfigInvalid, "read the configuration: %w", err).
			WithHint("%s", cmp.Or(fault.HintOf(err), unread(err, path, examplePath)))
	}
	c := Defaults()
	if c.Folder = Named(dir); c.Folder != "" {
		if c.Folder, err = filepath.Abs(dir); err != nil { // a notice is read elsewhere
			return Config{}, fault.New(fault.ConfigInvalid, "%s: %w", dir, err)
		}
	}
	hosts := c.Hosts
	c.Hosts = nil // a file that lists hosts lists all: the default would be one more
	if err := yaml.Load(content, &c, yaml.WithKnownFields()); err != nil {
		return Config{}, fault.New(fault.ConfigInvalid, "%s: %w", path, catalog.Explain(err))
	}
	if c.Hosts == nil {
		c.Hosts = hosts
	}
	if err := c.validate(); err != nil {
		return Config{}, fault.New(fault.ConfigInvalid, "%s: %w", path, err)
	}
	return c, nil
}

// readGuarded reads a file of the configuration, which only root and this account may
// write: it names programs that are run.
func readGuarded(path string) ([]byte, error) {
	if err := statefile.Guarded(statefile.Trust{}, path); err != nil {
		return nil, err
	}
	return readBounded(path)
}

func readBounded(path string) ([]byte, error) { return statefile.ReadFile(path, statefile.Most) }

// examplePath is where the package has a first controller.yaml.
const examplePath = manual.Folder + "/examples/controller.yaml"

// unread returns what to do about a file that was not read: how to write it, by the
// example if there is an example, or who may read it.
func unread(err error, path, example string) string {
	if !errors.Is(err, fs.ErrNotExist) {
		return "`" + plain.Command("ls", "-ld", filepath.Dir(path), path) + "` shows who may read it"
	}
	who := ""
	if strings.HasPrefix(path, "/etc/") {
		who = "as root: "
	}
	if _, err := os.Stat(example); err == nil {
		return fmt.Sprintf("%s`%s` makes a first one, then name the host's ssh destination and master.root in it; --config names another folder", who, plain.Command("install", "-Dm644", example, path))
	}
	return fmt.Sprintf("%swrite %s; %s shows one, --config names another folder", who, path, manual.Page("configuration.md"))
}

func (c Config) validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Version == 1, "version is %d, want 1", c.Version)
	check(filepath.IsAbs(c.State), "state %q is not an absolute path", c.State)
	check(c.SpoolQuota > 0, "spoolQuota is %d, want a number of bytes", c.SpoolQuota)
	check(c.CacheQuota > 0, "cacheQuota is %d, want a number of bytes", c.CacheQuota)
	_, known := c.Hosts[c.RegistryHost]
	check(known, "registryHost %q is not among hosts", c.RegistryHost)
	for name, host := range c.Hosts {
		if err := host.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("hosts.%s: %w", name, err))
		}
	}
	if err := c.Registry.Validate(); err != nil {
		faults = append(faults, err)
	}
	check(c.Summaries == "" || filepath.IsAbs(c.Summaries), "summaries %q is not an absolute path", c.Summaries)
	if _, err := c.Remotes(); err != nil {
		faults = append(faults, err)
	}
	if err := c.Notify.Validate(); err != nil {
		faults = append(faults, err)
	}
	check(filepath.IsAbs(c.AllowedSigners), "allowedSigners %q is not an absolute path", c.AllowedSigners)
	check(c.Metrics.Textfile == "" || filepath.IsAbs(c.Metrics.Textfile), "metrics.textfile %q is not an absolute path", c.Metrics.Textfile)
	check(c.Metrics.Textfile == "" || filepath.Ext(c.Metrics.Textfile) == ".prom", "metrics.textfile %q does not end in .prom: node_exporter reads no other file", c.Metrics.Textfile)
	check(c.Watch.Page == "" || filepath.IsAbs(c.Watch.Page), "watch.page %q is not an absolute path", c.Watch.Page)
	check(!within(c.State, c.Watch.Page) && !within(c.Watch.Page, c.State), "watch.page %q and state %q: one is inside the other", c.Watch.Page, c.State)
	check(filepath.IsAbs(c.Master.Root), "master.root %q is not an absolute path", c.Master.Root)
	check(c.Master.Config != "", "master.config is empty")
	check(c.Master.Deploy != "", "master.deploy is empty")
	check(workload.ProjectName.Match(c.Master.Project), "master.project %q is no %s: %s", c.Master.Project, workload.ProjectName, workload.ProjectName.Want())
	check(len(c.Master.ComposeFiles) > 0, "master.composeFiles is empty")
	check(strings.HasPrefix(c.Master.Docker, "unix:///"), "master.docker %q is not unix:///...", c.Master.Docker)
	return errors.Join(faults...)
}

// within reports whether a path is a folder or lies below it.
func within(path, folder string) bool {
	if folder == "" || path == "" {
		return false
	}
	rest, err := filepath.Rel(folder, path)
	return err == nil && rest != ".." && !strings.HasPrefix(rest, "../")
}

// Declared returns the configuration for commands that contact nothing. If there is no
// configuration, it returns the defaults. from names the source.
func Declared(dir string) (c Config, from string, err error) {
	c, err = LoadConfig(dir)
	path := filepath.Join(dir, "controller.yaml")
	if errors.Is(err, fs.ErrNotExist) {
		return Defaults(), "the defaults (there is no " + path + ")", nil
	}
	return c, path, err
}

// EnvFile returns the path of the env file that config.json names, "" if it cannot be read here.
func EnvFile(configDir string) string {
	c, err := LoadConfig(configDir)
	if err != nil {
		return ""
	}
	path, _ := unidesk.EnvFile(c.Master.Root, c.Master.Config)
	return path
}

// Masked returns the configuration without what may be secret. Its sources cannot be: a URL with
// credentials is refused.
func (c Config) Masked() Config {
	c.Notify = c.Notify.Masked()
	return c
}

// LedgerDir is the folder of the receipts.
func (c Config) LedgerDir() string { return filepath.Join(c.State, "ledger") }

// RunsDir is the folder of the journal of runs.
func (c Config) RunsDir() string { return filepath.Join(c.State, "runs") }

// AttemptsFile counts the runs that the journal has had.
func (c Config) AttemptsFile() string { return filepath.Join(c.State, "attempts.json") }

// SpoolDir is the folder of layers that are on their way.
func (c Config) SpoolDir() string { return filepath.Join(c.State, "spool") }

// CacheDir is the folder of unpacked layers.
func (c Config) CacheDir() string { return filepath.Join(c.State, "cache") }

// ChangesDir is the folder of the changes on this machine that are not settled.
func (c Config) ChangesDir() string { return filepath.Join(c.State, "changes") }

func (c Config) grantsDir() string { return filepath.Join(c.State, "grants") }
