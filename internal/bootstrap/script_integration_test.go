//go:build integration

package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// tree is this machine's own file system under a layer that is thrown away, with a
// stand-in for systemctl. The scripts run in it for real: dpkg, groups, tmpfiles.
type tree struct {
	root string
	// refuse makes the agent not answer.
	refuse error
	// before is run ahead of each command, for what happens on the way.
	before func(stdin []byte) []byte
	// cut loses the answer to the next parcel, after all was done.
	cut bool
}

func newTree(t *testing.T) *tree {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("a chroot needs root")
	}
	dir := t.TempDir()
	mount := func(source, target, kind string, flags uintptr, data string) {
		t.Helper()
		if err := os.MkdirAll(target, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			t.Fatalf("mount %s: %v", target, err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
	}
	top, root := filepath.Join(dir, "top"), filepath.Join(dir, "root")
	mount("tmpfs", top, "tmpfs", 0, "mode=755")
	for _, name := range []string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(top, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount("overlay", root, "overlay", 0, "lowerdir=/,upperdir="+top+"/upper,workdir="+top+"/work")
	mount("tmpfs", root+"/run", "tmpfs", 0, "mode=755")
	mount("tmpfs", root+"/tmp", "tmpfs", 0, "mode=1777")
	mount("/proc", root+"/proc", "", unix.MS_BIND, "")
	mount("/dev", root+"/dev", "", unix.MS_BIND, "")
	w := &tree{root: root}
	if err := os.MkdirAll(w.path("/run/systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	stand, err := os.ReadFile("testdata/systemctl")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(w.path("/stand-in"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path("/stand-in/systemctl"), stand, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pid := w.pid(); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return w
}

func (w *tree) path(p string) string { return filepath.Join(w.root, p) }

// pid is that of what runs as the agent.
func (w *tree) pid() int {
	b, _ := os.ReadFile(w.path("/run/stand-in/active.unidesk-agent.service"))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}

// shell is a [Shell] in the tree.
func (w *tree) shell(ctx context.Context, argv []string, stdin []byte) ([]byte, error) {
	if w.before != nil {
		stdin = w.before(stdin)
	}
	cmd := exec.CommandContext(ctx, "chroot", append([]string{w.root}, argv...)...)
	cmd.Env = []string{"PATH=/stand-in:/usr/bin:/bin", "HOME=/root"}
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if w.cut && stdin != nil {
		w.cut = false
		return nil, fault.Transient(fault.HostUnreachable, "cut")
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return out, fault.New(fault.Internal, "on the host: %w", &tunnel.ExitError{Code: exit.ExitCode(), Said: stderr.String()})
	}
	return out, err
}

// agentOf is a program with a hash of its own, which stays or ends at once.
func agentOf(t *testing.T, program, version string) Binary {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	return newBinary(string(content) + version)
}

func (w *tree) host(b Binary) Host {
	return Host{
		Shell: w.shell, Binary: func(string) (Binary, error) { return b, nil },
		Ask:    func(context.Context) (rpc.Description, error) { return rpc.Description{AgentVersion: "1"}, w.refuse },
		Config: FirstConfig{Registry: "http://127.0.0.1:5000", RegistryRoots: []string{"/home/ubuntu/.unidesk"}}, Patience: time.Millisecond,
	}
}

func (w *tree) run(t *testing.T, b Binary, want Decision) Result {
	t.Helper()
	r := w.host(b).Run(t.Context(), false)
	if r.Decision != want || r.OK != (want == Succeeded || want == Unchanged) {
		t.Fatalf("got %s, want %s: %+v\nfailure %+v", r.Decision, want, r, r.Failure)
	}
	return r
}

// inventory is everything that a bootstrap may leave.
func (w *tree) inventory(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, pattern := range []string{
		"/usr/bin/unidesk*", "/usr/lib/sysusers.d/unidesk*", "/usr/lib/tmpfiles.d/unidesk*", "/usr/lib/systemd/system/unidesk*",
		"/etc/unidesk", "/etc/unidesk/*", "/run/unidesk-agent", "/tmp/*", "/run/stand-in/enabled.*",
	} {
		found, err := filepath.Glob(w.path(pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			content, _ := os.ReadFile(path)
			b.WriteString(strings.TrimPrefix(path, w.root) + " " + info.Mode().String() + " " + sum(content)[:8] + "\n")
		}
	}
	return b.String()
}

func (w *tree) runs(t *testing.T, b Binary) {
	t.Helper()
	content, err := os.ReadFile("/proc/" + strconv.Itoa(w.pid()) + "/exe")
	if err != nil || sum(content) != b.SHA256 {
		t.Errorf("something else runs: %v", err)
	}
}

func TestABareHostGetsAnAgentAndASecondRunChangesNothing(t *testing.T) {
	w := newTree(t)
	b := agentOf(t, "/bin/sleep", "one")
	before := w.inventory(t)
	dry := w.host(b).Run(t.Context(), true)
	if dry.Decision != Ready || dry.Changes != 10 || w.inventory(t) != before {
		t.Fatalf("the dry run: %+v", dry)
	}
	if r := w.run(t, b, Succeeded); r.Changes != 10 || r.Agent == nil || !slices.Equal(r.Acts, dry.Acts) {
		t.Errorf("got %+v, the dry run %+v", r, dry.Acts)
	}
	w.runs(t, b)
	after := w.inventory(t)
	for _, want := range []string{
		"/usr/bin/unidesk-agent -rwxr-xr-x " + b.SHA256[:8], "/etc/unidesk/agent.yaml -rw-r-----", "/run/unidesk-agent drwxr-x---",
		"/usr/lib/systemd/system/unidesk-agent.socket -rw-r--r--", "enabled.unidesk-agent.socket",
	} {
		if !strings.Contains(after, want) {
			t.Errorf("no %q in\n%s", want, after)
		}
	}
	if strings.Contains(after, "previous") || strings.Contains(after, "/tmp/") {
		t.Errorf("something is left:\n%s", after)
	}
	pid := w.pid()
	if r := w.run(t, b, Unchanged); r.Changes != 0 || len(r.Acts) != 10 {
		t.Errorf("got %+v", r)
	}
	if w.pid() != pid || w.inventory(t) != after {
		t.Errorf("a second run changed something:\n%s", w.inventory(t))
	}
	if dry := w.host(b).Run(t.Context(), true); dry.Changes != 0 {
		t.Errorf("the dry run after it: %+v", dry)
	}
}

func TestAnUpgradeKeepsTheConfiguration(t *testing.T) {
	w := newTree(t)
	one, two := agentOf(t, "/bin/sleep", "one"), agentOf(t, "/bin/sleep", "two")
	w.run(t, one, Succeeded)
	if err := os.WriteFile(w.path(configPath), []byte("version: 1 # edited\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path("/usr/lib/systemd/system/unidesk-agent.socket"), []byte("edited"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := w.run(t, two, Succeeded); r.Changes != 3 {
		t.Errorf("got %+v", r)
	}
	w.runs(t, two)
	if got, err := os.ReadFile(w.path(configPath)); err != nil || string(got) != "version: 1 # edited\n" {
		t.Errorf("agent.yaml is %q, %v", got, err)
	}
}

// The socket's group was that of a master's operators once.
func TestAnUpgradeTakesTheMembersOfTheOldGroupAlong(t *testing.T) {
	w := newTree(t)
	in := func(command string) string {
		t.Helper()
		out, err := w.shell(t.Context(), []string{"sh", "-ec", "PATH=$PATH:/usr/sbin:/sbin; " + command}, nil)
		if err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		return string(out)
	}
	members := func() []string {
		return strings.Split(strings.TrimSpace(in("getent group unidesk-agent | cut -d: -f4")), ",")
	}
	w.run(t, agentOf(t, "/bin/sleep", "one"), Succeeded)
	if got := strings.Join(members(), " "); got != "" {
		t.Errorf("a first agent takes %q in", got)
	}
	in("groupdel unidesk-agent; getent group unidesk >/dev/null || groupadd unidesk; useradd -G unidesk lab-reader; " +
		"sed -i s/unidesk-agent/unidesk/ /usr/lib/sysusers.d/unidesk-agent.conf")
	w.run(t, agentOf(t, "/bin/sleep", "two"), Succeeded)
	if got := members(); !slices.Contains(got, "lab-reader") {
		t.Errorf("the group has %q after the upgrade", got)
	}
	in("gpasswd -d lab-reader unidesk-agent")
	w.run(t, agentOf(t, "/bin/sleep", "three"), Succeeded)
	if got := members(); slices.Contains(got, "lab-reader") {
		t.Errorf("the next upgrade takes in again who was taken out: %q", got)
	}
}

func TestTheOldAgentComesBack(t *testing.T) {
	good, next := agentOf(t, "/bin/sleep", "good"), agentOf(t, "/bin/sleep", "next")
	for name, c := range map[string]struct {
		binary Binary
		spoil  func(w *tree)
	}{
		"when the new one does not start":       {agentOf(t, "/bin/false", "bad"), func(*tree) {}},
		"when the new one does not answer":      {next, func(w *tree) { w.refuse = fault.New(fault.HostUnreachable, "silence") }},
		"when the connection is cut on the way": {next, func(w *tree) { w.cut = true }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTree(t)
			w.run(t, good, Succeeded)
			before := w.inventory(t)
			c.spoil(w)
			r := w.run(t, c.binary, Reverted)
			if !strings.Contains(r.Failure.Now, "runs again") {
				t.Errorf("got %+v", r.Failure)
			}
			w.runs(t, good)
			if after := w.inventory(t); after != before {
				t.Errorf("before\n%s\nafter\n%s", before, after)
			}
			w.refuse = nil
			w.run(t, next, Succeeded)
			w.runs(t, next)
		})
	}
}

func TestAnOldAgentThatDoesNotStartEitherIsNotSaidToRun(t *testing.T) {
	w := newTree(t)
	w.run(t, agentOf(t, "/bin/sleep", "good"), Succeeded)
	if err := os.WriteFile(w.path("/run/stand-in/broken"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := w.run(t, agentOf(t, "/bin/sleep", "next"), Failed)
	if r.Failure.Reason != fault.UnitFailed || !strings.Contains(r.Failure.Now, "does not start either") {
		t.Errorf("got %+v", r.Failure)
	}
}

func TestAFirstAgentThatDoesNotAnswerIsLeftToBeLookedAt(t *testing.T) {
	w := newTree(t)
	b := agentOf(t, "/bin/sleep", "one")
	w.refuse = fault.New(fault.HostUnreachable, "silence")
	if r := w.run(t, b, Failed); !strings.Contains(r.Failure.Now, "there was none before") {
		t.Errorf("got %+v", r.Failure)
	}
	if r := w.run(t, b, Failed); !strings.Contains(r.Failure.Now, "nothing was changed") {
		t.Errorf("again: got %+v", r.Failure)
	}
	w.runs(t, b)
}

func TestAConnectionThatIsCutOnTheWayIn(t *testing.T) {
	w := newTree(t)
	b := agentOf(t, "/bin/sleep", "one")
	before := w.inventory(t)
	// The parcel never arrives whole, and neither does the answer.
	w.before = func(stdin []byte) []byte {
		if !w.cut || stdin == nil {
			return stdin
		}
		return stdin[:len(stdin)/2]
	}
	w.cut = true
	if r := w.run(t, b, Failed); !strings.Contains(r.Failure.Now, "nothing had been replaced") || w.inventory(t) != before {
		t.Errorf("got %+v", r.Failure)
	}
	w.run(t, b, Succeeded)
}

func TestWhatComesBackIsTheLastThatWasProven(t *testing.T) {
	w := newTree(t)
	good, unproven, silent := agentOf(t, "/bin/sleep", "good"), agentOf(t, "/bin/sleep", "unproven"), agentOf(t, "/bin/sleep", "silent")
	w.run(t, good, Succeeded)
	// A controller that died after the switch and before it had asked.
	h := w.host(unproven)
	facts, err := Look(t.Context(), w.shell)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := h.plan(facts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.act(t.Context(), p, actApply); err != nil {
		t.Fatal(err)
	}
	w.runs(t, unproven)
	w.refuse = fault.New(fault.HostUnreachable, "silence")
	w.run(t, silent, Reverted)
	w.runs(t, good)
}

func TestAFailureBeforeTheSwitchLeavesABareHostBare(t *testing.T) {
	b := agentOf(t, "/bin/sleep", "one")
	parcels := func(change func([]byte) []byte) func(*testing.T, *tree) {
		return func(_ *testing.T, w *tree) {
			w.before = func(stdin []byte) []byte {
				if stdin == nil {
					return nil
				}
				return change(stdin)
			}
		}
	}
	for name, c := range map[string]struct {
		spoil  func(t *testing.T, w *tree)
		reason fault.Reason
	}{
		"a cut upload": {parcels(func(b []byte) []byte { return b[:len(b)/2] }), fault.DigestMismatch},
		"a damaged upload": {parcels(func(b []byte) []byte {
			b[len(b)/2] ^= 1
			return b
		}), fault.DigestMismatch},
		"a full disk": {func(t *testing.T, w *tree) {
			if err := unix.Mount("tmpfs", w.path("/usr/lib/systemd/system"), "tmpfs", 0, "size=4k"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Unmount(w.path("/usr/lib/systemd/system"), unix.MNT_DETACH) })
		}, fault.DiskFull},
		"no room for the upload": {func(t *testing.T, w *tree) {
			w.before = func(stdin []byte) []byte {
				if stdin != nil {
					if err := unix.Mount("tmpfs", w.path("/tmp"), "tmpfs", unix.MS_REMOUNT, "size=16k"); err != nil {
						t.Error(err)
					}
				}
				return stdin
			}
		}, fault.DiskFull},
		"no tar": {func(t *testing.T, w *tree) {
			if err := os.Remove(w.path("/usr/bin/tar")); err != nil {
				t.Fatal(err)
			}
		}, fault.Unsupported},
		"a binary that does not start": {func(*testing.T, *tree) {}, fault.UnitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTree(t)
			before := w.inventory(t)
			c.spoil(t, w)
			binary := b
			if c.reason == fault.UnitFailed {
				binary = agentOf(t, "/bin/false", "bad")
			}
			r := w.host(binary).Run(t.Context(), false)
			if r.OK || r.Failure == nil || r.Failure.Reason != c.reason || r.Failure.Now != untouched {
				t.Errorf("got %+v, failure %+v", r, r.Failure)
			}
			t.Log(r.Failure.Message)
			if after := w.inventory(t); after != before {
				t.Errorf("before\n%s\nafter\n%s", before, after)
			}
		})
	}
}

// What it has laid ready is its own until it ends.
func TestABootstrapThatIsRefusedLeavesAnothersFiles(t *testing.T) {
	w := newTree(t)
	ready := w.path("/usr/bin/unidesk-agent.unidesk-new")
	if err := os.WriteFile(ready, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.path("/usr/bin/flock")); err != nil { // it ends before it has the lock
		t.Fatal(err)
	}
	if _, err := w.host(Binary{}).act(t.Context(), parcel{}, actApply); fault.ReasonOf(err) != fault.Unsupported {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(ready); err != nil {
		t.Error(err)
	}
}

func TestAnAgentOfAPackageIsLeftToIt(t *testing.T) {
	w := newTree(t)
	if err := os.WriteFile(w.path("/var/lib/dpkg/info/unidesk-agent.list"), []byte("/.\n/usr\n/usr/bin\n/usr/bin/unidesk-agent\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	status, err := os.OpenFile(w.path("/var/lib/dpkg/status"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = status.WriteString("\nPackage: unidesk-agent\nStatus: install ok installed\nMaintainer: m <m@example.com>\nArchitecture: amd64\nVersion: 1\nDescription: x\n")
	if err := errors.Join(err, status.Close()); err != nil {
		t.Fatal(err)
	}
	if r := w.run(t, agentOf(t, "/bin/sleep", "one"), Blocked); r.Failure.Reason != fault.Unsupported || !strings.Contains(r.Failure.Hint, "apt install") {
		t.Errorf("got %+v", r.Failure)
	}
}
