package confirm_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A group, and two operators in it.
const operators, alice, bob = 64101, 64102, 64103

// as does something as another account. The thread alone changes, and ends with it.
func as(uid int, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		groups := [1]uint32{operators}
		_, _, no := unix.RawSyscall(unix.SYS_SETGROUPS, 1, uintptr(unsafe.Pointer(&groups[0])), 0)
		_, _, noGroup := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid))
		_, _, noUser := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		if no != 0 || noGroup != 0 || noUser != 0 {
			done <- errors.Join(no, noGroup, noUser)
			return
		}
		done <- do()
	}()
	return <-done
}

// owned is a host whose reverts replace an env file.
type owned struct {
	*confirmtest.Host
	envFile string
}

func (o owned) Barred() error { return envfile.Barred(o.envFile) }

// A revert that this account cannot end is refused before anything is touched, whatever
// is another account's: the folder of the env file, the file, its lock, the records. It
// names the account that can. That account's revert works, and so does root's.
func TestARevertThatThisAccountCannotEndTouchesNothing(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be two others")
	}
	const byAlice, byRoot = "run as 64102, or as root", "run as root"
	give := func(paths ...string) (err error) {
		for _, path := range paths {
			err = errors.Join(err, os.Chown(path, bob, operators))
		}
		return err
	}
	for name, c := range map[string]struct {
		spoil func(state, folder, file, lock string) error // after the switch
		who   string
	}{
		"all of the env file": {func(_, folder, _, _ string) error { return os.Chmod(folder, 0o755) }, byAlice},
		"the env file's folder": {func(_, folder, file, lock string) error {
			return errors.Join(os.Chmod(folder, 0o755), give(file, lock))
		}, byRoot},
		"the env file": {func(_, _, _, lock string) error { return give(lock) }, byRoot},
		"its lock":     {func(_, _, file, _ string) error { return give(file) }, byRoot},
		"the state folder": {func(state, _, file, lock string) error {
			return errors.Join(os.Chmod(state, fs.ModeSetgid|0o750), give(file, lock))
		}, byAlice},
		"the records": {func(state, _, file, lock string) error {
			return errors.Join(os.Chmod(state, fs.ModeSetgid|fs.ModeSticky|0o770), give(file, lock))
		}, byAlice},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			folder := filepath.Join(t.TempDir(), "state")
			file, lock := filepath.Join(folder, "docker-compose.env"), filepath.Join(folder, ".docker-compose.env.unidesk.lock")
			target := func() *confirm.Target[confirmtest.State] { return confirm.New(owned{w.host, file}, w.dir) }
			own := func(mode fs.FileMode, path string) error {
				return errors.Join(os.Chown(path, alice, operators), os.Chmod(path, mode))
			}
			err := errors.Join(os.Chmod(filepath.Dir(w.dir), 0o755), os.Chmod(filepath.Dir(folder), 0o755),
				os.RemoveAll(w.dir), os.Mkdir(w.dir, 0o700), own(fs.ModeSetgid|0o770, w.dir), os.Mkdir(folder, 0o700), own(0o770, folder),
				os.WriteFile(file, []byte("A=1\n"), 0o640), own(0o640, file), os.WriteFile(lock, nil, 0o600), own(0o600, lock))
			if err != nil {
				t.Fatal(err)
			}
			change := w.change(t, 1, "one")
			if err := as(alice, func() error { return target().Switch(t.Context(), change, ignore) }); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(w.dir, folder, file, lock); err != nil {
				t.Fatal(err)
			}
			before := w.observe(t).Instances[0].ID
			revert := func() error {
				return target().Settle(t.Context(), w.spec.Ref, workload.Settlement{ChangeID: "one", Outcome: workload.Revert}, ignore)
			}
			err = as(bob, revert)
			if fault.ReasonOf(err) != fault.RevertFailed || fault.ActionOf(err) != fault.RecoverAsRoot || fault.HintOf(err) != c.who || !strings.Contains(err.Error(), "64103") {
				t.Errorf("bob got %v (%q, %q), want %q", err, fault.HintOf(err), fault.ActionOf(err), c.who)
			}
			var seen workload.Observation
			look := func() (err error) { seen, err = target().Observe(t.Context(), w.spec.Ref, false); return err }
			if err := as(bob, look); err != nil {
				t.Fatal(err)
			}
			if p := seen.Pending; p == nil || p.Failed != "" || p.Barred != c.who || seen.Instances[0].ID != before {
				t.Errorf("touched: %s, was %s; pending %+v", seen.Instances[0].ID, before, p)
			}
			able := alice
			if c.who == byRoot {
				able = 0
			} else if err := errors.Join(own(0o640, file), own(0o600, lock)); err != nil {
				t.Fatal(err)
			}
			if err := as(able, revert); err != nil {
				t.Fatalf("uid %d cannot, either: %v", able, err)
			}
			if got := w.observe(t); got.Pending != nil || got.Instances[0].ID == before {
				t.Errorf("not reverted: %+v", got)
			}
		})
	}
}
