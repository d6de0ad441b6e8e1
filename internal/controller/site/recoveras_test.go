package site

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// An account that cannot take a change of the master back gets the name of an account that can.
func TestAnOperatorIsToldWhoCanRecover(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another account")
	}
	root, alice, bob := t.TempDir(), 64201, 64202
	c := Config{State: t.TempDir(), Master: Master{Root: root, Config: "config.json"}}
	envFile, changes := filepath.Join(root, "state", "web.env"), c.ChangesDir()
	err := errors.Join(os.Chmod(filepath.Dir(root), 0o755), os.Mkdir(filepath.Dir(envFile), 0o755), os.WriteFile(envFile, nil, 0o644),
		os.WriteFile(filepath.Join(root, "config.json"), []byte(`{"providerGateway":{"upgrade":{"composeEnvFile":"state/web.env"}}}`), 0o644),
		os.Chown(filepath.Dir(envFile), alice, alice), os.Chown(envFile, alice, alice), os.Mkdir(changes, 0o755), os.Chmod(changes, 0o777)) //nolint:gosec // as a group's folder is for its members
	if err != nil {
		t.Fatal(err)
	}
	pending := []workload.Pending{{}}
	said := func(uid int, changes []workload.Pending) string {
		line := make(chan string)
		go func() {
			runtime.LockOSThread() // the thread alone is the account, and ends with it
			_, _, noGroup := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid))
			_, _, noUser := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
			if noGroup != 0 || noUser != 0 {
				t.Error(noGroup, noUser)
			}
			line <- RecoverAs(c, changes)
		}()
		return <-line
	}
	want := "`sudo unidesk-controller recover` (run as 64201, or as root)"
	if got := said(bob, pending); got != want {
		t.Errorf("bob: %q, want %q", got, want)
	}
	if alices, roots, none := said(alice, pending), said(0, pending), said(bob, nil); alices+roots+none != "" {
		t.Errorf("alice: %q, root: %q, bob without a change: %q", alices, roots, none)
	}
	if err := os.Chmod(changes, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, want := said(alice, pending), "`sudo unidesk-controller recover` (run as root)"; got != want {
		t.Errorf("alice, who may not write to the records: %q, want %q", got, want)
	}
}
