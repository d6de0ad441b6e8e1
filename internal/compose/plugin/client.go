package plugin

import (
	"encoding/json"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// WithoutProxies returns the environment for a command that makes containers, and what to do
// when it has ended. The operator's own configuration of Docker's client may name proxies,
// and Compose sets them in each container that it makes: what runs would depend on who
// deploys it. Such a configuration is left out, but for the folders of its plugins.
func WithoutProxies(env []string) (without []string, done func(), err error) {
	folder := clientFolder(env)
	own := clientConfig(folder)
	if len(own.Proxies) == 0 {
		return env, func() {}, nil
	}
	failed := func(err error) ([]string, func(), error) {
		return nil, nil, fault.New(fault.Internal, "make a configuration of Docker's client without proxies: %w", err)
	}
	plain, err := json.Marshal(map[string][]string{"cliPluginsExtraDirs": append(own.Folders, filepath.Join(folder, "cli-plugins"))})
	if err != nil {
		return failed(err)
	}
	dir, err := os.MkdirTemp("", "unidesk-docker-")
	if err != nil {
		return failed(err)
	}
	done = func() { _ = os.RemoveAll(dir) }
	if err := os.WriteFile(filepath.Join(dir, "config.json"), plain, 0o600); err != nil {
		done()
		return failed(err)
	}
	without = slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, "DOCKER_CONFIG=") })
	return append(without, "DOCKER_CONFIG="+dir), done, nil
}

// clientFolder is where Docker's client has its configuration.
func clientFolder(env []string) (folder string) {
	if me, err := user.Current(); err == nil { // as docker does without HOME
		folder = filepath.Join(me.HomeDir, ".docker")
	}
	for _, v := range env {
		if home, ok := strings.CutPrefix(v, "HOME="); ok && home != "" {
			folder = filepath.Join(home, ".docker")
		}
	}
	for _, v := range env {
		if own, ok := strings.CutPrefix(v, "DOCKER_CONFIG="); ok && own != "" {
			folder = own
		}
	}
	return folder
}
