package statefile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// poll is the time between two tries for a lock.
const poll = 20 * time.Millisecond

// Lock is an exclusive lock between processes. The kernel frees it when the last
// process that has the open file ends. No library is used: those that are kept
// well unlock the file when they close it, which [Lock.Close] must not.
type Lock struct{ file *os.File }

// OpenLock opens the file of a lock, and makes it if it is missing. It takes no
// lock yet.
func OpenLock(path string, private fs.FileMode) (*Lock, error) {
	f, err := Open(path, os.O_RDWR|os.O_CREATE, private)
	if err != nil {
		return nil, err
	}
	return &Lock{f}, nil
}

// CreateLocked makes a file to append to, which must not be there yet, and takes its lock:
// [Held] reports of the file whether its writer lives. The name of the file may not outlive
// a power cut.
func CreateLocked(path string, private fs.FileMode) (*Lock, error) {
	f, err := Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, private)
	if err != nil {
		return nil, err
	}
	l := &Lock{f}
	// Only a process that asks for the holder has it, for a moment.
	wait, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := l.Wait(wait); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Try takes the lock and reports true, or false when another process has it.
func (l *Lock) Try() (bool, error) { return TryLock(l.file) }

// Wait takes the lock as soon as no other process has it. It returns the cause of
// the context when that ends first.
func (l *Lock) Wait(ctx context.Context) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if got, err := l.Try(); got || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// TryLock takes the exclusive lock of an open file or folder, which closing it frees. It
// reports false when another process has the lock.
func TryLock(f *os.File) (bool, error) { return try(f, syscall.LOCK_EX) }

// File is the open file. A program that inherits it has the lock, too.
func (l *Lock) File() *os.File { return l.file }

// Unlock frees the lock and closes the file. A program that inherited the file
// loses the lock, too.
func (l *Lock) Unlock() error {
	return errors.Join(ignoreEINTR(func() error { return syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN) }), l.file.Close())
}

// Close closes the file. A program that inherited it keeps the lock until it ends.
func (l *Lock) Close() error { return l.file.Close() }

// Held reports whether a process has the lock of the file. No process has it when
// there is no file. It writes nothing, and waits for nothing.
func Held(path string) (bool, error) {
	f, err := Open(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Shared, so that two who ask do not see each other.
	free, err := try(f, syscall.LOCK_SH)
	return err == nil && !free, errors.Join(err, (&Lock{f}).Unlock())
}

func try(f *os.File, how int) (bool, error) {
	err := ignoreEINTR(func() error { return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB) })
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	return true, nil
}

func ignoreEINTR(do func() error) error {
	for {
		if err := do(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
