package statefile_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

func openLock(t *testing.T, path string) *statefile.Lock {
	t.Helper()
	l, err := statefile.OpenLock(path, 0o600)
	must(t, err)
	return l
}

// held fails the test unless the lock of the file is held, or is not.
func held(t *testing.T, path string, want bool) {
	t.Helper()
	got, err := statefile.Held(path)
	if must(t, err); got != want {
		t.Errorf("held: %v, want %v", got, want)
	}
}

func TestOneHasTheLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	held(t, path, false)
	first, second := openLock(t, path), openLock(t, path)
	held(t, path, false)
	must(t, first.Wait(t.Context()))
	held(t, path, true)
	if got, err := second.Try(); got || err != nil {
		t.Errorf("a second one got it: %v, %v", got, err)
	}
	free := make(chan error)
	go func() { free <- second.Wait(t.Context()) }()
	must(t, first.Unlock(), <-free)
	held(t, path, true)
	must(t, second.Unlock())
	held(t, path, false)
}

func TestAWaitEndsWithItsContextAndTellsWhy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, second := openLock(t, path), openLock(t, path)
	must(t, first.Wait(t.Context()))
	why := errors.New("the caller gave up")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() { done <- second.Wait(ctx) }()
	cancel(why)
	if err := <-done; !errors.Is(err, why) {
		t.Errorf("it ended with %v", err)
	}
	must(t, first.Unlock())
	if err := second.Wait(ctx); !errors.Is(err, why) {
		t.Errorf("a context that had ended: %v", err)
	}
	held(t, path, false)
	must(t, second.Close())
}

func TestAProgramThatInheritsTheFileHasTheLock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		let  func(*statefile.Lock) error
		held bool
	}{
		"and keeps it when it is closed here":   {(*statefile.Lock).Close, true},
		"and loses it when it is unlocked here": {(*statefile.Lock).Unlock, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "lock")
			lock := openLock(t, path)
			must(t, lock.Wait(t.Context()))
			heir := exec.CommandContext(t.Context(), "cat") // it ends with its input
			heir.ExtraFiles = []*os.File{lock.File()}
			in, err := heir.StdinPipe()
			must(t, err, heir.Start(), c.let(lock))
			held(t, path, c.held)
			must(t, in.Close(), heir.Wait())
			held(t, path, false)
		})
	}
}
