package compose

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// orphans names the folder of a process that is this test's child, and is killed.
const orphans = "UNIDESK_TEST_ORPHANS"

// What a killed process leaves running ends, and the workload's lock with it, though it
// heeds no signal that can be ignored.
func TestACommandWhoseParentWasKilledEndsInItsTime(t *testing.T) {
	t.Parallel()
	if root := os.Getenv(orphans); root != "" {
		beKilled(t, root)
		return
	}
	for _, of := range []string{"up", "read"} {
		t.Run(of, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+strings.Split(t.Name(), "/")[0]+"$")
			parent.Env = append(os.Environ(), orphans+"="+root, "UNIDESK_TEST_ORPHAN_OF="+of)
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			pid := 0
			for pid == 0 {
				b, err := os.ReadFile(filepath.Join(root, "started"))
				if err != nil && !errors.Is(err, fs.ErrNotExist) || t.Context().Err() != nil {
					t.Fatal(err)
				}
				pid, _ = strconv.Atoi(strings.TrimSpace(string(b)))
				time.Sleep(10 * time.Millisecond)
			}
			t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = parent.Wait() // its error is that it was killed
			if syscall.Kill(pid, 0) != nil {
				t.Fatal("the command ended with its parent: nothing is tried")
			}
			if held, err := statefile.Held(filepath.Join(root, "the.lock")); err != nil || held != (of == "up") {
				t.Fatalf("the lock is held: %v, %v", held, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // it never ends without a limit
			defer cancel()
			lock, err := statefile.OpenLock(filepath.Join(root, "the.lock"), 0o600)
			if err == nil {
				err = errors.Join(lock.Wait(ctx), lock.Unlock())
			}
			if err != nil {
				t.Fatalf("the lock: %v", err)
			}
			for syscall.Kill(pid, 0) == nil {
				if ctx.Err() != nil {
					t.Fatalf("process %d still runs", pid)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

func beKilled(t *testing.T, root string) {
	t.Helper()
	r := fakeIn(t, root, "", `trap '' TERM INT HUP PIPE; echo $$ > pid; mv pid started; while :; do sleep 0.1; done`)
	r.limits.recreate, r.limits.read, r.limits.kill = time.Second, time.Second, time.Second
	if os.Getenv("UNIDESK_TEST_ORPHAN_OF") == "read" {
		_, _ = r.read(t.Context(), envfile.Content{}, "config")
		return
	}
	lock, err := statefile.OpenLock(filepath.Join(root, "the.lock"), 0o600)
	if err == nil {
		err = lock.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = r.up(t.Context(), sample(), lock.File())
}
