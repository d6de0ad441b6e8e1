package envfile

import (
	"bytes"
	"context"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// lockWait is how long an edit waits for another edit: an edit takes milliseconds.
const lockWait = 30 * time.Second

// Update replaces the env file at path by what change makes of it, atomically and
// durably, under the lock that all writers of this package share: a file beside
// it, since the file itself is replaced. A change that changes nothing writes
// nothing.
func Update(ctx context.Context, path string, change func(Content) (Content, error)) error {
	return update(ctx, path, change, statefile.ReplaceAs)
}

// replacer is [statefile.ReplaceAs].
type replacer func(path string, content []byte, like fs.FileInfo, still func() error) error

func update(ctx context.Context, path string, change func(Content) (Content, error), replace replacer) error {
	real, err := resolve(path)
	if err != nil {
		return err
	}
	unlock, err := lock(ctx, path, real)
	if err != nil {
		return err
	}
	defer unlock()
	if err := statefile.Sweep(real); err != nil {
		return invalid(path, "clean up beside", err)
	}
	before, info, err := load(path, real)
	if err != nil {
		return err
	}
	after, err := change(before)
	if err != nil {
		return err
	}
	if bytes.Equal(before.raw, after.raw) {
		return nil
	}
	// An editor that does not know the lock may have been here meanwhile. To write and
	// sync a file may take a disk a second, so it is looked at again only then.
	var moved error
	err = replace(real, after.raw, info, func() error {
		moved = unmoved(path, real, before, info)
		return moved
	})
	if err != nil && moved == nil {
		err = invalid(path, "replace", err)
	}
	return err
}

// unmoved fails if the file is not what was read.
func unmoved(path, real string, before Content, info fs.FileInfo) error {
	again, info2, err := load(path, real)
	if err != nil {
		return err
	}
	if !bytes.Equal(again.raw, before.raw) || info2.ModTime() != info.ModTime() || info2.Mode() != info.Mode() || !sameOwner(info, info2) {
		return fault.Transient(fault.Busy, "env file %s was changed by somebody else at this moment", path)
	}
	return nil
}

func sameOwner(a, b fs.FileInfo) bool {
	x, y := a.Sys().(*syscall.Stat_t), b.Sys().(*syscall.Stat_t)
	return x.Uid == y.Uid && x.Gid == y.Gid
}

// lockOf is beside the file: the file itself is replaced.
func lockOf(real string) string {
	return filepath.Join(filepath.Dir(real), "."+filepath.Base(real)+".unidesk.lock")
}

func lock(ctx context.Context, path, real string) (unlock func(), err error) {
	l, err := statefile.OpenLock(lockOf(real), 0o600)
	if err != nil {
		return nil, invalid(path, "lock", err)
	}
	wait, cancel := context.WithTimeoutCause(ctx, lockWait, fault.Transient(fault.Busy, "env file %s is being changed by another run", path))
	defer cancel()
	if err := l.Wait(wait); err != nil {
		_ = l.Close()
		if wait.Err() != nil {
			return nil, err
		}
		return nil, invalid(path, "lock", err)
	}
	return func() { _ = l.Unlock() }, nil
}
