package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Containerd is a containerd with CRI, as k3s has it, with its whole state in a folder.
// It runs no pods: it pulls, names and keeps images.
type Containerd struct {
	// Socket is the path of its socket, which serves CRI and containerd's own API.
	Socket string
	// Snapshots is the folder of the snapshotter.
	Snapshots string

	program, dir string
	proc         *Proc
}

// StartContainerd starts containerd with its state in dir, and waits until CRI answers.
// It needs root. The path of dir has at most 80 bytes, because of the sockets in it.
func StartContainerd(ctx context.Context, dir string) (*Containerd, error) {
	program, err := Program("kubernetes/containerd")
	if err != nil {
		return nil, err
	}
	c := &Containerd{program: program, dir: dir, Socket: filepath.Join(dir, "c.sock"), Snapshots: filepath.Join(dir, "root/io.containerd.snapshotter.v1.overlayfs")}
	// Nothing of the machine is used: not its network plugins, its registries' settings
	// or its folder of shims.
	config := fmt.Sprintf(`version = 3
root = %q
state = %q
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
address = %q
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".registry]
config_path = %q
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = [%q]
conf_dir = %q
[plugins."io.containerd.internal.v1.opt"]
path = %q
`, c.in("root"), c.in("state"), c.Socket, c.in("registries"), c.in("cni"), c.in("cni"), c.in("opt"))
	if err := os.WriteFile(c.in("config.toml"), []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("configure containerd: %w", err)
	}
	return c, c.Start(ctx)
}

func (c *Containerd) in(name string) string { return filepath.Join(c.dir, name) }

// Start starts it again after Stop or Kill, with the same state.
func (c *Containerd) Start(ctx context.Context) (err error) {
	c.proc, err = startProc(daemon{
		name: "containerd", log: c.in("containerd.log"), env: cleanEnv(),
		argv: []string{c.program, "--config", c.in("config.toml")},
	})
	if err != nil {
		return err
	}
	if err = c.proc.Ready(ctx, 30*time.Second, dial("unix", c.Socket)); err != nil {
		return errors.Join(err, c.Stop())
	}
	return nil
}

// Kill ends it as a power cut would.
func (c *Containerd) Kill() { c.proc.Kill() }

// Stop ends it. What it left mounted is taken away, so that its folder can be removed.
func (c *Containerd) Stop() error {
	return errors.Join(c.proc.Stop(10*time.Second), unmountUnder(c.dir))
}

// Tail returns the last lines of its log.
func (c *Containerd) Tail(lines int) string { return c.proc.Tail(lines) }

// Program returns the path of a program that lab/tools/build.sh has built, for example
// "registry".
func Program(name string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "bin", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w; lab/tools/build.sh builds it", err)
	}
	return path, nil
}
