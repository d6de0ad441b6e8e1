package envfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Two accounts that no file here belongs to.
const someone, other = 64321, 64322

// tryToWrite is a child of the test, as another account: it prints the answer of
// Writable, and the outcome of the edit.
func tryToWrite(name string) {
	before, _ := os.ReadDir(filepath.Dir(name))
	can := envfile.Writable(name)
	after, _ := os.ReadDir(filepath.Dir(name))
	did := envfile.Update(context.Background(), name, set("K", strings.Repeat("v", 200)))
	fmt.Fprintf(os.Stdout, "%t\n%t\n%t\n%s\n%s\n%v\n%v\n", can == nil, did == nil, len(before) == len(after), fault.ReasonOf(can), fault.HintOf(can), can, did)
	os.Exit(0)
}

// The question answers as the edit does, whatever is in the way, and makes nothing.
func TestWhatCannotBeReplacedIsKnownBefore(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another account and to mount")
	}
	own := func(t *testing.T, paths ...string) {
		t.Helper()
		for _, p := range paths {
			if err := os.Chown(p, someone, someone); err != nil {
				t.Fatal(err)
			}
		}
	}
	mount := func(t *testing.T, source, target, kind string, flags uintptr, data string) {
		t.Helper()
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
	}
	put := func(t *testing.T, dir string) string {
		t.Helper()
		name := filepath.Join(dir, "controlled.env")
		if err := os.WriteFile(name, []byte("A=1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, c := range map[string]struct {
		uid     int
		arrange func(t *testing.T, dir string) (file string)
		ok      bool
		reason  fault.Reason
		hint    string
	}{
		"its own":            {someone, func(t *testing.T, dir string) string { f := put(t, dir); own(t, dir, f); return f }, true, "", ""},
		"root, of another's": {0, func(t *testing.T, dir string) string { f := put(t, dir); own(t, dir, f); return f }, true, "", ""},
		"another's folder":   {someone, func(t *testing.T, dir string) string { f := put(t, dir); own(t, f); return f }, false, fault.EnvFileInvalid, "chown 64321 "},
		"another's file":     {someone, func(t *testing.T, dir string) string { f := put(t, dir); own(t, dir); return f }, false, fault.EnvFileInvalid, "run as root"},
		"a file of another's group": {someone, func(t *testing.T, dir string) string {
			f := put(t, dir)
			own(t, dir)
			_ = os.Chown(f, someone, 0)
			return f
		}, false, fault.EnvFileInvalid, "chown 64321"},
		"another's folder, file and lock": {someone, func(t *testing.T, dir string) string {
			f := put(t, dir)
			lock := filepath.Join(dir, ".controlled.env.unidesk.lock")
			err := errors.Join(os.WriteFile(lock, nil, 0o600), os.Chown(dir, other, other), os.Chown(f, other, other), os.Chown(lock, other, other))
			if err != nil {
				t.Fatal(err)
			}
			return f
		}, false, fault.EnvFileInvalid, "run as 64322, or as root; or, if only 64321 deploys from now on, as root: chown 64321 "},
		"a file that it cannot read": {someone, func(t *testing.T, dir string) string {
			f := put(t, dir)
			if err := os.Chmod(f, 0o600); err != nil {
				t.Fatal(err)
			}
			return f
		}, false, fault.EnvFileInvalid, "run as root; or, if only 64321 deploys from now on, as root: chown 64321 "},
		"its own, which it cannot read": {someone, func(t *testing.T, dir string) string {
			f := put(t, dir)
			own(t, dir, f)
			if err := os.Chmod(f, 0o200); err != nil {
				t.Fatal(err)
			}
			return f
		}, false, fault.EnvFileInvalid, "chmod u+r "},
		"a folder that it cannot look into": {someone, func(t *testing.T, dir string) string {
			f := put(t, dir)
			if err := errors.Join(os.Chown(dir, other, other), os.Chown(f, other, other), os.Chmod(dir, 0o700)); err != nil {
				t.Fatal(err)
			}
			return f
		}, false, fault.EnvFileInvalid, "run as 64322, or as root; or, if only 64321 deploys from now on, as root: chown -f 64321:64321 "},
		"a home that it cannot pass": {someone, func(t *testing.T, dir string) string {
			below := filepath.Join(dir, "state")
			if err := errors.Join(os.Mkdir(below, 0o755), os.Chmod(dir, 0o700)); err != nil {
				t.Fatal(err)
			}
			return put(t, below)
		}, false, fault.EnvFileInvalid, "chmod o+x "},
		"another's lock": {someone, func(t *testing.T, dir string) string {
			f := put(t, dir)
			own(t, dir, f)
			if err := os.WriteFile(filepath.Join(dir, ".controlled.env.unidesk.lock"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return f
		}, false, fault.EnvFileInvalid, ".controlled.env.unidesk.lock"},
		"a read-only filesystem": {0, func(t *testing.T, dir string) string {
			mount(t, "tmpfs", dir, "tmpfs", 0, "size=64k")
			f := put(t, dir)
			mount(t, "", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
			return f
		}, false, fault.EnvFileInvalid, "remount,rw"},
		"a full filesystem": {0, func(t *testing.T, dir string) string {
			mount(t, "tmpfs", dir, "tmpfs", 0, "size=64k")
			f := put(t, dir)
			_ = os.WriteFile(filepath.Join(dir, "fill"), make([]byte, 1<<20), 0o600)
			return f
		}, false, fault.DiskFull, "df -h "},
		"a filesystem without inodes": {0, func(t *testing.T, dir string) string {
			mount(t, "tmpfs", dir, "tmpfs", 0, "size=1m,nr_inodes=4")
			f := put(t, dir)
			for i := range 4 {
				_ = os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600)
			}
			return f
		}, false, fault.DiskFull, "df -i "},
		"a file mounted over it": {0, func(t *testing.T, dir string) string {
			f, other := put(t, dir), filepath.Join(t.TempDir(), "other")
			if err := os.WriteFile(other, []byte("A=1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			mount(t, other, f, "", unix.MS_BIND, "")
			return f
		}, false, fault.EnvFileInvalid, "mount its folder"},
		"a link to another's folder": {someone, func(t *testing.T, dir string) string {
			f := put(t, t.TempDir())
			own(t, dir)
			link := filepath.Join(dir, "link.env")
			if err := errors.Join(os.Symlink(f, link), os.Chmod(filepath.Dir(f), 0o755), os.Chmod(filepath.Dir(filepath.Dir(f)), 0o755)); err != nil {
				t.Fatal(err)
			}
			return link
		}, false, fault.EnvFileInvalid, "run as root"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
				t.Fatal(err)
			}
			file := c.arrange(t, dir)
			lines := tryAs(t, c.uid, file)
			if want := fmt.Sprint(c.ok); lines[0] != want || lines[1] != want {
				t.Errorf("may be written: %s, was written: %s, want %s: %s", lines[0], lines[1], want, lines)
			}
			if lines[2] != "true" {
				t.Error("the question made something")
			}
			if !c.ok && (lines[3] != string(c.reason) || !strings.Contains(lines[4], c.hint)) {
				t.Errorf("%s, hint %q, want %s with %q", lines[3], lines[4], c.reason, c.hint)
			}
			// The line of the hint is all that root has to type.
			_, line, found := strings.Cut(lines[4], " deploys from now on, as root: ")
			if !found {
				return
			}
			if out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput(); err != nil && !strings.Contains(line, " -f ") {
				t.Fatalf("%s: %v: %s", line, err, out)
			}
			if lines := tryAs(t, c.uid, file); lines[0] != "true" || lines[1] != "true" {
				t.Errorf("after %s: %s", line, lines)
			}
		})
	}
}

// tryAs has another account try to write, and returns its answers.
func tryAs(t *testing.T, uid int, file string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = []string{"ENVFILE_TEST_WRITE=" + file, "TMPDIR=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	out, err := cmd.CombinedOutput()
	lines := strings.SplitN(string(out), "\n", 7)
	if err != nil || len(lines) != 7 {
		t.Fatalf("%v: %s", err, out)
	}
	return lines
}
