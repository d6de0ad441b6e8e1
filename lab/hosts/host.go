package hosts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
)

// Host is a machine of the lab.
type Host struct {
	// Name is its host name.
	Name string
	// Addr is its address on the lab's link; the test's own process reaches it too.
	Addr netip.Addr
	// Root is its file system as seen from outside, for reading. Symbolic links in it that begin with / point into the
	// machine outside, and what the host mounts (/run, /tmp, Docker's store) is not there: to write, use CopyIn.
	Root string

	link    string
	bridge  string
	gateway netip.Addr
	dir     string // the host's disks and papers
	base    string
	log     io.Writer

	mu     sync.Mutex
	leader int           // PID of its systemd, 0 while it is off
	exited chan struct{} // closed when nspawn has ended
}

// disk sets where the host's files lie. The stores of Docker and of Kubernetes are real folders: overlays do not stack.
func (h *Host) disk(cache, base string) {
	h.dir = filepath.Join(cache, "hosts", "run", h.Name)
	h.base = base
	h.Root = filepath.Join(h.dir, "root")
}

func (h *Host) folder(name string) string { return filepath.Join(h.dir, name) }

// PID is the host's systemd as the machine outside numbers it, and 0 while the host is off.
func (h *Host) PID() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.leader
}

// Exec is a command to run as root inside the host, with nothing of the caller's environment; set Stdin, Stdout and Stderr
// as with [exec.Cmd]. It dies, children included, when ctx ends. Arguments are passed as they are: no shell reads them.
// On a host that is off, starting it fails.
func (h *Host) Exec(ctx context.Context, argv ...string) *exec.Cmd {
	pid := h.PID()
	cmd := command(ctx, "nsenter", append([]string{"--target", strconv.Itoa(pid), "--all", "--"}, argv...)...)
	cmd.Env = []string{"PATH=" + searchPath, "HOME=/root", "USER=root", "LOGNAME=root", "LANG=C.UTF-8"}
	if pid == 0 {
		cmd.Err = fmt.Errorf("%s is off", h.Name)
	}
	return cmd
}

// Output runs a command inside the host and returns what it printed; the error carries what it complained of.
func (h *Host) Output(ctx context.Context, argv ...string) (string, error) {
	out, err := output(h.Exec(ctx, argv...))
	if err != nil {
		return out, fmt.Errorf("on %s: %w", h.Name, err)
	}
	return out, nil
}

// CopyIn puts a file of this machine at dst inside the host, owned by root, making the folders that lead there. A program
// that is running from dst goes on with its old file.
func (h *Host) CopyIn(ctx context.Context, src, dst string, mode fs.FileMode) error {
	file, err := os.Open(src)
	if err != nil {
		return err
	}
	defer file.Close()
	return h.put(ctx, file, dst, mode)
}

// WriteFile puts data at dst inside the host, as CopyIn does.
func (h *Host) WriteFile(ctx context.Context, dst string, data []byte, mode fs.FileMode) error {
	return h.put(ctx, bytes.NewReader(data), dst, mode)
}

// put copies from inside, so that links and mounts are the host's.
func (h *Host) put(ctx context.Context, from io.Reader, dst string, mode fs.FileMode) error {
	if !filepath.IsAbs(dst) {
		return fmt.Errorf("%s on %s: not an absolute path", dst, h.Name)
	}
	cmd := h.Exec(ctx, "install", "-D", "-m", fmt.Sprintf("%04o", mode.Perm()), "/dev/stdin", dst)
	cmd.Stdin = from
	if _, err := output(cmd); err != nil {
		return fmt.Errorf("copy to %s on %s: %w", dst, h.Name, err)
	}
	return nil
}

// errOff is why a host that ended while it booted is not up.
var errOff = errors.New("the host ended")
