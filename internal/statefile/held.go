package statefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// held is a folder to act in. Below a shared folder another account may put a link, or
// another folder, in the place of any name: the folder is opened there, through no link,
// and stays the same folder until it is released.
type held struct {
	folder string // its name, for people
	at     string // its name for system calls
	below  bool   // it is, or lies below, a shared folder
	fd     int
}

// hold holds a folder that is there.
func hold(folder string) (held, error) {
	h := held{folder: folder, at: folder, fd: -1}
	top := topShared(folder)
	if h.below = top != ""; top == "" || top == folder {
		return h, nil
	}
	rest, err := filepath.Rel(top, folder)
	if err != nil {
		return held{}, err
	}
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	fd, err := again(func() (int, error) { return unix.Open(top, flags, 0) })
	if err != nil {
		return held{}, &fs.PathError{Op: "open", Path: top, Err: err}
	}
	for name := range strings.SplitSeq(rest, string(filepath.Separator)) {
		next, err := again(func() (int, error) { return unix.Openat(fd, name, flags|unix.O_NOFOLLOW, 0) })
		_ = unix.Close(fd)
		if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			return held{}, noFolder(folder, name)
		}
		if err != nil {
			return held{}, &fs.PathError{Op: "open", Path: folder, Err: err}
		}
		fd = next
	}
	h.fd, h.at = fd, "/proc/self/fd/"+strconv.Itoa(fd)
	return h, nil
}

// release ends the hold.
func (h held) release() {
	if h.fd >= 0 {
		_ = unix.Close(h.fd)
	}
}

// path is a name in the folder, for system calls.
func (h held) path(name string) string { return filepath.Join(h.at, filepath.Base(name)) }

// named puts the folder's own name in an error's path.
func (h held) named(err error) error {
	rename := func(path string) string {
		if rest, ok := strings.CutPrefix(path, h.at); ok && h.fd >= 0 {
			return h.folder + rest
		}
		return path
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		e.Path = rename(e.Path)
	}
	if e := (*os.LinkError)(nil); errors.As(err, &e) {
		e.Old, e.New = rename(e.Old), rename(e.New)
	}
	return err
}

// topShared is the topmost shared folder of a path, "" for none.
func topShared(path string) string {
	if parent := filepath.Dir(path); parent != path {
		if top := topShared(parent); top != "" {
			return top
		}
	}
	if Shared(path) {
		return path
	}
	return ""
}

func noFolder(path, name string) error {
	return fault.New(fault.PathRefused, "%s: %s is not a folder, and other accounts may have put it there: no link is followed in a shared folder", path, name).
		WithHint("look at it, then move it away: ls -ld %s", path)
}

func again(do func() (int, error)) (int, error) {
	for {
		if n, err := do(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// Remove removes a file of state.
func Remove(path string) error {
	h, err := hold(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer h.release()
	return h.named(os.Remove(h.path(path)))
}
