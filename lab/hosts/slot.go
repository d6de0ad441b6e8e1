package hosts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// slots is how many labs may be up on a machine at a time.
const slots = 2

// slot is the place of a lab on the machine. Each slot has its own names for what a lab makes outside its folders.
type slot int

// The two hosts: machine names, host names and cgroup names at once.
func (s slot) d601() string   { return "unidesk-lab-d601" + s.suffix() }
func (s slot) master() string { return "unidesk-lab-master" + s.suffix() }

func (s slot) suffix() string {
	if s == 0 {
		return ""
	}
	return fmt.Sprintf("-%d", int(s)+1)
}

// freeSlot waits until a slot is free, and returns it with its lock. It clears every free slot: the lab that was killed may have
// had any of them.
func freeSlot(ctx context.Context, log io.Writer) (slot, *os.File, error) {
	for waited := false; ; waited = true {
		var taken *os.File
		var first slot
		for s := range slot(slots) {
			file, err := tryLock("lock" + s.suffix())
			if err == nil && file != nil {
				if err = s.clear(ctx); err != nil {
					err = fmt.Errorf("remove what an earlier lab left: %w", err)
				}
			}
			switch {
			case err != nil:
				_, _ = file.Close(), taken.Close()
				return 0, nil, err
			case file == nil:
			case taken == nil:
				first, taken = s, file
			default:
				_ = file.Close()
			}
		}
		if taken != nil {
			return first, taken, nil
		}
		if !waited {
			fmt.Fprintf(log, "lab: %d labs are up on this machine; waiting until a lab ends\n", slots)
		}
		if err := pause(ctx); err != nil {
			return 0, nil, err
		}
	}
}

// lock waits for a lock of the machine. The kernel frees it when its holder dies.
func lock(ctx context.Context, name string) (*os.File, error) {
	for {
		file, err := tryLock(name)
		if err != nil || file != nil {
			return file, err
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// tryLock returns nil if another process has the lock.
func tryLock(name string) (*os.File, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(stateDir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return file, nil
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, file.Close()
	}
	return nil, errors.Join(fmt.Errorf("lock the lab: %w", err), file.Close())
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for another lab on this machine: %w", context.Cause(ctx))
	case <-time.After(500 * time.Millisecond):
		return nil
	}
}
