package ledger_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// An account that may not look at the receipts gets an error, and no empty list.
func TestReceiptsThatCannotBeSeenAreNotNone(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another account")
	}
	state := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(state), 0o755), os.MkdirAll(filepath.Join(state, "ledger", "prod", "web"), 0o750)); err != nil {
		t.Fatal(err)
	}
	look := func() error {
		answer := make(chan error)
		go func() {
			runtime.LockOSThread() // the thread alone is the account, and ends with it
			if _, _, no := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); no != 0 {
				t.Error(no)
			}
			if _, _, no := unix.RawSyscall(unix.SYS_SETRESGID, 64301, 64301, 64301); no != 0 {
				t.Error(no)
			}
			if _, _, no := unix.RawSyscall(unix.SYS_SETRESUID, 64301, 64301, 64301); no != 0 {
				t.Error(no)
			}
			_, err := ledger.Open(filepath.Join(state, "ledger")).History(0, "")
			answer <- err
		}()
		return <-answer
	}
	for name, c := range map[string]struct {
		path string
		mode fs.FileMode
		hint string
	}{
		"a group's state folder": {state, fs.ModeSetgid | 0o770, "as root: usermod -aG 64302 64301; then log in again"},
		"a private state folder": {state, 0o700, "run as root"},
		"a private environment":  {filepath.Join(state, "ledger", "prod"), 0o700, "run as root"},
	} {
		if err := errors.Join(os.Chmod(state, 0o755), os.Chmod(filepath.Join(state, "ledger"), 0o755), os.Chown(c.path, 0, 64302), os.Chmod(c.path, c.mode)); err != nil {
			t.Fatal(err)
		}
		if err := look(); fault.ReasonOf(err) != fault.LedgerUnavailable || fault.HintOf(err) != c.hint {
			t.Errorf("%s: %v (%q), want %q", name, err, fault.HintOf(err), c.hint)
		}
	}
}
