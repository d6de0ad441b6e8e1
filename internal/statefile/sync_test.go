package statefile_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// refuseSync makes every fsync of this process fail with EIO, for good (seccomp(2)).
func refuseSync() error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the system call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_FSYNC, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// TestWhatIsMadeIsOnDisk has fsync fail in a process of its own, and looks whose fsync
// the error names: that of the file, of its folder, or of both.
func TestWhatIsMadeIsOnDisk(t *testing.T) {
	const story = "STATEFILE_TEST_SYNC"
	if os.Getenv(story) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^TestWhatIsMadeIsOnDisk$")
		cmd.Env = append(os.Environ(), story+"=1")
		out, err := cmd.CombinedOutput()
		switch {
		case err != nil || !strings.Contains(string(out), "TestWhatIsMadeIsOnDisk"):
			t.Fatalf("%v\n%s", err, out)
		case strings.Contains(string(out), "--- SKIP"):
			t.Skipf("SKIPPED, no seccomp here:\n%s", out)
		}
		return
	}
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := refuseSync(); err != nil {
		t.Skipf("seccomp: %v", err)
	}
	file := filepath.Join(dir, "file")
	for name, c := range map[string]struct {
		err    error
		synced []string
	}{
		"a new file":   {statefile.Create(file, []byte("x"), 0o600), []string{file, dir}},
		"a rename":     {statefile.Rename(old, filepath.Join(dir, "new")), []string{dir}},
		"a folder":     {statefile.Sync(dir), []string{dir}},
		"a new folder": {statefile.Folder(filepath.Join(dir, "folder"), 0o700), []string{dir}},
	} {
		if !errors.Is(c.err, unix.EIO) {
			t.Errorf("%s: %v, want %v", name, c.err, unix.EIO)
			continue
		}
		for _, path := range c.synced {
			if !strings.Contains(c.err.Error(), "sync "+path+":") {
				t.Errorf("%s: %v, want the error of %s, too", name, c.err, path)
			}
		}
	}
}
