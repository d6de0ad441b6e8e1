package confirm_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
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

// TestNothingIsDoneBeforeItsRecordIsOnDisk runs each story in a process of its own,
// whose disk takes no write for good.
func TestNothingIsDoneBeforeItsRecordIsOnDisk(t *testing.T) {
	const story = "CONFIRM_TEST_SYNC"
	revert := workload.Settlement{ChangeID: "b", Outcome: workload.Revert}
	for name, run := range map[string]func(t *testing.T, w *world) error{
		"a switch": func(t *testing.T, w *world) error {
			c := w.change(t, 1, "b")
			refuse(t)
			err := w.target().Switch(t.Context(), c, ignore)
			w.want(t, 0)
			return err
		},
		"the end of a change": func(t *testing.T, w *world) error {
			if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
				t.Fatal(err)
			}
			refuse(t)
			return w.target().Settle(t.Context(), w.spec.Ref, revert, ignore)
		},
		// Only the folder is left to be synced.
		"the end of a change, again": func(t *testing.T, w *world) error {
			if err := errors.Join(
				w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore),
				w.target().Settle(t.Context(), w.spec.Ref, revert, ignore),
			); err != nil {
				t.Fatal(err)
			}
			refuse(t)
			return w.target().Settle(t.Context(), w.spec.Ref, revert, ignore)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Getenv(story) != "" {
				if err := run(t, newWorld(t)); !errors.Is(err, unix.EIO) {
					t.Errorf("%v, want %v", err, unix.EIO)
				}
				return
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
			cmd.Env = append(os.Environ(), story+"=1")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if strings.Contains(string(out), "--- SKIP") {
				t.Skipf("SKIPPED, no seccomp here:\n%s", out)
			}
			if !strings.Contains(string(out), "--- PASS: "+t.Name()) {
				t.Fatalf("the story was not run:\n%s", out)
			}
		})
	}
}

func refuse(t *testing.T) {
	t.Helper()
	if err := refuseSync(); err != nil {
		t.Skipf("seccomp: %v", err)
	}
}
