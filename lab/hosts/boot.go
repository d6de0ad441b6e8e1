package hosts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bootTime bounds a boot on a slow and busy machine; a usual boot takes some ten seconds.
const bootTime = 3 * time.Minute

// Boot starts a host that is off, on the disks it had, and returns when systemd reports that it has
// started everything. [Up] does it; a test does it again after [Host.Cut]. On an error the host is
// off.
func (h *Host) Boot(ctx context.Context) (err error) {
	if h.PID() != 0 {
		return fmt.Errorf("boot %s: it is on", h.Name)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, bootTime, fmt.Errorf("%s did not boot in %s", h.Name, bootTime))
	defer cancel()
	defer func() {
		if err == nil {
			return
		}
		err = fmt.Errorf("boot %s: %w", h.Name, errors.Join(err, context.Cause(ctx)))
		if said, readErr := os.ReadFile(h.folder("console.log")); readErr == nil {
			fmt.Fprintf(h.log, "lab: the console of %s:\n%s\n", h.Name, tail(string(said), 4000))
		}
		off, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		err = errors.Join(err, h.Cut(off))
	}()

	if err := h.mount(); err != nil {
		return err
	}
	notices, err := listenNotices(filepath.Join(stateDir, h.Name+".notify"))
	if err != nil {
		return err
	}
	defer notices.Close()
	if err := h.start(ctx, notices.path); err != nil {
		return err
	}
	return h.await(ctx, notices)
}

// mount lays the host's own layer over the shared tree.
func (h *Host) mount() error {
	for _, name := range []string{"upper", "work", "root", "docker", "containerd", "rancher", "kubelet"} {
		if err := os.MkdirAll(h.folder(name), 0o755); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", h.base, h.folder("upper"), h.folder("work"))
	if err := unix.Mount("overlay", h.Root, "overlay", 0, options); err != nil {
		return fmt.Errorf("mount the overlay of %s (the cache must not be on an overlay itself): %w", h.Name, err)
	}
	return nil
}

// enterCgroups moves itself into the cgroups named before "--", and becomes the program after it. It is a shell's work
// because version 1 has no way to fork into a cgroup, and nspawn must be in its own from the first moment.
const enterCgroups = `while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"`

// start starts nspawn and writes the record by which a later process can find it.
func (h *Host) start(ctx context.Context, notify string) error {
	args := h.nspawn()
	if !machineRunsSystemd() {
		cgroups, err := makeCgroups(h.Name)
		if err != nil {
			return err
		}
		args = append(append(append([]string{"sh", "-c", enterCgroups, "sh"}, cgroups...), "--"), args...)
	}
	console, err := os.Create(h.folder("console.log"))
	if err != nil {
		return err
	}
	defer console.Close()
	// The host outlives the call that started it: Cut ends it.
	cmd := command(context.WithoutCancel(ctx), args[0], args[1:]...)
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+notify)
	cmd.Stdout, cmd.Stderr = console, console
	// A test binary that is killed takes its hosts with it: nspawn passes this signal on as KILL. It comes when the thread
	// that forked ends, so that thread is kept for as long as the host lives.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	exited, started := make(chan struct{}), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is on its console; that it ended is all that is asked here
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start systemd-nspawn: %w", err)
	}
	h.mu.Lock()
	h.exited = exited
	h.mu.Unlock()
	return writeRecord(h.Name, record{Nspawn: describe(cmd.Process.Pid), Dir: h.dir})
}

// nspawn is the command that is the host's hardware. Docker needs all capabilities, the keyring calls (runc) and bpf
// (devices in unified cgroups).
func (h *Host) nspawn() []string {
	args := []string{
		"systemd-nspawn", "--quiet", "--settings=no", "--boot", "--notify-ready=yes", "--kill-signal=SIGKILL",
		"--directory=" + h.Root, "--machine=" + h.Name, "--register=no",
		"--network-veth-extra=" + h.link + ":host0",
		"--capability=all", "--system-call-filter=@keyring bpf",
		"--resolv-conf=off", "--timezone=off", "--link-journal=no",
		"--bind=" + h.folder("docker") + ":/var/lib/docker",
		"--bind=" + h.folder("containerd") + ":/var/lib/containerd",
		"--bind=" + h.folder("rancher") + ":/var/lib/rancher",
		"--bind=" + h.folder("kubelet") + ":/var/lib/kubelet",
	}
	if _, err := os.Stat("/dev/fuse"); err == nil {
		args = append(args, "--bind=/dev/fuse")
	}
	if !machineRunsSystemd() {
		// There is no systemd to ask for a scope.
		args = append(args, "--keep-unit")
	}
	return args
}

// machineRunsSystemd is sd_booted(3).
func machineRunsSystemd() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// await follows nspawn's notices: first the number of the host's systemd, with which the link is
// laid, then that systemd's word that it has started everything.
func (h *Host) await(ctx context.Context, notices *notices) error {
	const poll = 200 * time.Millisecond
	for {
		select {
		case <-h.exited:
			return errOff
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		notice, err := notices.next(poll)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return err
		}
		if leader, err := strconv.Atoi(notice["X_NSPAWN_LEADER_PID"]); err == nil && h.PID() == 0 {
			h.mu.Lock()
			h.leader = leader
			h.mu.Unlock()
			r := readRecord(h.Name)
			r.Leader = describe(leader)
			if err := writeRecord(h.Name, r); err != nil {
				return err
			}
			if err := h.connect(ctx); err != nil {
				return err
			}
		}
		if notice["READY"] == "1" && h.PID() != 0 {
			return nil
		}
	}
}

// Cut ends the host as a power cut does: every process in it is killed at once. Its disks stay, and [Host.Boot] starts it
// again. On a host that is off it does nothing.
func (h *Host) Cut(ctx context.Context) error {
	h.mu.Lock()
	exited := h.exited
	h.leader, h.exited = 0, nil
	h.mu.Unlock()
	if h.dir == "" {
		return nil // it never got so far as to have disks
	}
	if err := stopRemains(ctx, h.Name, h.dir); err != nil {
		return err
	}
	if exited != nil {
		select {
		case <-exited:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to end: %w", h.Name, ctx.Err())
		}
	}
	return writeRecord(h.Name, record{Dir: h.dir})
}

// notices is the receiving end of sd_notify(3).
type notices struct {
	path string
	conn *net.UnixConn
}

func listenNotices(path string) (*notices, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return &notices{path: path, conn: conn}, nil
}

// next returns a notice's assignments, or [os.ErrDeadlineExceeded] when none came in time.
func (n *notices) next(wait time.Duration) (map[string]string, error) {
	if err := n.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	buffer := make([]byte, 4096)
	size, _, err := n.conn.ReadFromUnix(buffer)
	if err != nil {
		return nil, err
	}
	notice := map[string]string{}
	for line := range strings.Lines(string(buffer[:size])) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			notice[key] = value
		}
	}
	return notice, nil
}

func (n *notices) Close() {
	_ = n.conn.Close()
	_ = os.Remove(n.path) // the next boot removes it as well
}
