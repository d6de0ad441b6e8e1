package hosts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// composePlugin is the path at which Debian's own package puts it.
const composePlugin = "usr/libexec/docker/cli-plugins/docker-compose"

// freeCgroups makes the version 1 trees writable, which nspawn mounts read-only: Docker makes its containers' there. It is
// done before Docker starts, because after a power cut Docker brings its containers back first of all.
const freeCgroups = `[Service]
ExecStartPre=/bin/sh -c 'while read -r _ at _; do case $$at in /sys/fs/cgroup/*) mount -o remount,rw,bind $$at;; esac; done </proc/mounts'
`

// furnish gives a host, before its first boot, what makes it that host: its identity, the names of the others and the
// compose plugin.
func (h *Host) furnish(ctx context.Context, all []*Host, compose string) error {
	if err := discardTree(h.dir); err != nil {
		return err
	}
	if err := writeRecord(h.Name, record{Dir: h.dir}); err != nil {
		return err
	}
	if err := h.mount(); err != nil {
		return err
	}
	return errors.Join(h.write(ctx, all, compose), unmountBelow(h.dir))
}

func (h *Host) write(ctx context.Context, all []*Host, compose string) (err error) {
	root, err := os.OpenRoot(h.Root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()

	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	names := "127.0.0.1 localhost\n"
	for _, host := range all {
		names += fmt.Sprintf("%s %s\n", host.Addr, host.Name)
	}
	for path, text := range map[string]string{
		"etc/hostname":   h.Name + "\n",
		"etc/hosts":      names,
		"etc/machine-id": hex.EncodeToString(id[:]) + "\n",
		// Nothing answers names here; without the file the resolver would ask localhost and wait.
		"etc/resolv.conf": "# this host has no network beyond the lab\n",
	} {
		if err := root.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := root.MkdirAll("etc/systemd/system/docker.service.d", 0o755); err != nil {
		return err
	}
	if err := root.WriteFile("etc/systemd/system/docker.service.d/lab.conf", []byte(freeCgroups), 0o644); err != nil {
		return err
	}
	if err := copyInto(root, compose, composePlugin, 0o755); err != nil {
		return err
	}
	hostKey, err := newKey(ctx, h.folder("keys"), h.Name)
	if err != nil {
		return err
	}
	if err := copyInto(root, hostKey.file, "etc/ssh/ssh_host_ed25519_key", 0o600); err != nil {
		return err
	}
	return root.WriteFile("etc/ssh/ssh_host_ed25519_key.pub", []byte(hostKey.Public+"\n"), 0o644)
}

func copyInto(root *os.Root, src, dst string, mode os.FileMode) error {
	from, err := os.Open(src)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := root.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	to, err := root.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// inTree runs a command in a host that is off.
func (h *Host) inTree(ctx context.Context, argv ...string) error {
	return run(ctx, "chroot", append([]string{h.Root}, argv...)...)
}

// hostKey is the public half of the key that the host's sshd shows.
func (h *Host) hostKey() (string, error) {
	public, err := os.ReadFile(filepath.Join(h.folder("keys"), h.Name+".pub"))
	return strings.TrimSpace(string(public)), err
}
