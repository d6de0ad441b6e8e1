// Package plugin finds the Compose plugin as docker does, and leaves the operator's proxies
// out of what Compose is given of the configuration of Docker's client.
package plugin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// SystemFolders returns the folders of all accounts' plugins, in docker's order
// (docker/cli, cli-plugins/manager).
func SystemFolders() []string {
	return []string{
		"/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
		"/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins",
	}
}

// Find returns the path of the Compose plugin in the first of the folders that has it,
// "" if none has.
func Find(folders []string) string {
	for _, dir := range folders {
		path := filepath.Join(dir, "docker-compose")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// Folders returns the folders of plugins in an environment, in docker's order.
func Folders(env []string) []string {
	folder := clientFolder(env)
	folders := append(clientConfig(folder).Folders, filepath.Join(folder, "cli-plugins"))
	folders = append(folders, SystemFolders()...)
	return slices.DeleteFunc(folders, func(f string) bool { return !filepath.IsAbs(f) }) // a relative folder depends on where a command is run
}

// clientOwn is what is read of the configuration of Docker's client.
type clientOwn struct {
	Proxies json.RawMessage `json:"proxies"`
	Folders []string        `json:"cliPluginsExtraDirs"`
}

// clientConfig returns the zero value for a file that cannot be read: Docker itself
// reports what is wrong with it.
func clientConfig(folder string) (own clientOwn) {
	b, err := statefile.ReadFile(filepath.Join(folder, "config.json"), statefile.Most)
	if err != nil || json.Unmarshal(b, &own) != nil {
		return clientOwn{}
	}
	return own
}
