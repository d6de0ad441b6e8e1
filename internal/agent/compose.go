package agent

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/plugin"
)

// composeWait bounds asking the Compose plugin for its version.
const composeWait = 3 * time.Second

// composeFolders are the folders of root's plugins: its own, then the system's.
func composeFolders() []string {
	return append([]string{"/root/.docker/cli-plugins"}, plugin.SystemFolders()...)
}

var composeForm = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+~-]{0,64}$`)

// composePlugin reads the version of the host's Compose plugin. It runs the plugin
// itself, which takes half the time of docker's command, and not again until its file
// changes.
type composePlugin struct {
	folders []string

	mu      sync.Mutex
	path    string
	file    fs.FileInfo
	version string
}

// Version returns "" if there is no plugin or it does not answer.
func (c *composePlugin) Version(ctx context.Context) string {
	path, file := c.find()
	if file == nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version == "" || c.path != path || !c.file.ModTime().Equal(file.ModTime()) || c.file.Size() != file.Size() {
		c.path, c.file, c.version = path, file, askCompose(ctx, path)
	}
	return c.version
}

func (c *composePlugin) find() (path string, file fs.FileInfo) {
	if path = plugin.Find(c.folders); path == "" {
		return "", nil
	}
	file, err := os.Stat(path)
	if err != nil {
		return "", nil
	}
	return path, file
}

func askCompose(ctx context.Context, path string) string {
	ctx, cancel := context.WithTimeout(ctx, composeWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version", "--short")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/", "LC_ALL=C"}
	cmd.Dir, cmd.WaitDelay = "/", time.Second
	out := &shortOutput{left: 1 << 10}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return ""
	}
	version := strings.TrimSpace(out.said.String())
	if !composeForm.MatchString(version) {
		return ""
	}
	return strings.TrimPrefix(version, "v")
}

// shortOutput ends a program that prints more than a version.
type shortOutput struct {
	said bytes.Buffer // not embedded: its ReadFrom would go round the limit
	left int
}

func (o *shortOutput) Write(p []byte) (int, error) {
	if o.left -= len(p); o.left < 0 {
		return 0, fs.ErrInvalid
	}
	return o.said.Write(p)
}
