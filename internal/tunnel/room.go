package tunnel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

const (
	roomPrefix = "unidesk-ssh-"
	socketName = "c"
	// maxSocket is the longest path of a control socket: the kernel takes 107 bytes, and
	// ssh binds the path with 17 bytes more before it renames the socket.
	maxSocket = 90
	// maxSwept is how many names of a folder a sweep reads.
	maxSwept = 4096
)

// room is a folder that only this account may enter, for an ssh's control socket. A lock
// on the folder itself shows that its process lives: the kernel frees it with the process,
// and a later process removes the folder.
type room struct {
	dir  string
	lock *os.File
	once sync.Once
	gone atomic.Bool
}

// newRoom makes a room in the first folder that is fit for it, and removes what killed
// processes left there.
func newRoom() (*room, error) {
	for _, parent := range []string{os.Getenv("XDG_RUNTIME_DIR"), os.TempDir(), "/tmp"} {
		if !fit(parent) {
			continue
		}
		sweep(parent)
		if r, err := makeRoom(parent); err == nil {
			return r, nil
		}
	}
	return nil, errors.New("no folder is fit for ssh's control socket")
}

// plainPath has no character that ssh expands in a ControlPath, or cuts it at.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9/._-]*$`)

// fit reports whether a folder may hold rooms: only this account and root can put
// something else in the place of a room.
func fit(parent string) bool {
	const digits = 10 // of os.MkdirTemp
	if !plainPath.MatchString(parent) || len(filepath.Join(parent, roomPrefix, socketName))+digits > maxSocket {
		return false
	}
	info, err := os.Stat(parent)
	if err != nil || !info.IsDir() {
		return false
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	return (owner == os.Geteuid() || owner == 0) && (info.Mode().Perm()&0o022 == 0 || info.Mode()&os.ModeSticky != 0)
}

// makeRoom makes a room and locks it. A sweep may remove it in between.
func makeRoom(parent string) (*room, error) {
	err := fmt.Errorf("no room in %s", parent)
	for range 3 {
		var dir string
		if dir, err = os.MkdirTemp(parent, roomPrefix); err != nil {
			return nil, err
		}
		var lock *os.File
		if lock, err = lockRoom(dir); err == nil {
			return &room{dir: dir, lock: lock}, nil
		}
	}
	return nil, err
}

// lockRoom locks a room of this account, unless a living process has it.
func lockRoom(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	var opened, named unix.Stat_t
	free, err := statefile.TryLock(f)
	if err == nil {
		err = errors.Join(unix.Fstat(int(f.Fd()), &opened), unix.Lstat(dir, &named))
	}
	switch {
	case err != nil:
	case !free:
		err = fmt.Errorf("%s is a living process's", dir)
	case opened.Ino != named.Ino || opened.Dev != named.Dev:
		err = fmt.Errorf("%s is another folder now", dir)
	case int(opened.Uid) != os.Geteuid():
		err = fmt.Errorf("%s is another account's", dir)
	default:
		return f, nil
	}
	_ = f.Close()
	return nil, err
}

// sweep removes the rooms of this account whose process is gone.
func sweep(parent string) {
	d, err := os.Open(parent)
	if err != nil {
		return
	}
	defer d.Close()
	names, _ := d.Readdirnames(maxSwept)
	for _, name := range names {
		if !strings.HasPrefix(name, roomPrefix) {
			continue
		}
		dir := filepath.Join(parent, name)
		if lock, err := lockRoom(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}

// socket is the path of the control socket.
func (r *room) socket() string { return filepath.Join(r.dir, socketName) }

// closed reports whether close was called.
func (r *room) closed() bool { return r.gone.Load() }

// close removes the room.
func (r *room) close() {
	r.once.Do(func() {
		r.gone.Store(true)
		_ = os.RemoveAll(r.dir)
		_ = r.lock.Close()
	})
}
