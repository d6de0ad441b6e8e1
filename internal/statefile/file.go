package statefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Open is [os.OpenFile] for a file of state. A file that it makes has the given
// mode, or that of its shared folder, whatever the umask is. A file whose owner
// is not trusted is refused and left as it is. Only [Create] makes the name of a
// new file outlive a power cut.
func Open(path string, flag int, private fs.FileMode) (*os.File, error) {
	folder := filepath.Dir(path)
	h, err := hold(folder)
	if err != nil {
		return nil, err
	}
	defer h.release()
	f, made, err := h.open(path, flag&^os.O_TRUNC, private)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%w: a file of state is not reached by a symbolic link", err)
	}
	if err != nil {
		return nil, full(folder, err)
	}
	if err := h.trusted(f, flag); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if made {
		if mode := mode(h.at, private); mode != private {
			if err := f.Chmod(mode); err != nil {
				return nil, errors.Join(err, f.Close())
			}
		}
	}
	if flag&os.O_TRUNC != 0 { // only now: a file that is refused keeps its content
		if err := f.Truncate(0); err != nil {
			return nil, errors.Join(full(folder, err), f.Close())
		}
	}
	return f, nil
}

// open opens a file, and reports whether it made it. It looks for a file that is there
// first: in a sticky folder the kernel refuses another account's file with O_CREAT
// (fs.protected_regular).
func (h held) open(path string, flag int, private fs.FileMode) (f *os.File, made bool, err error) {
	// NONBLOCK: a named pipe must be refused, not waited for.
	flag |= syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_CLOEXEC
	try := func(flag int) (err error) {
		fd, err := again(func() (int, error) { return unix.Open(h.path(path), flag, uint32(private.Perm())) })
		if err != nil {
			return &fs.PathError{Op: "open", Path: path, Err: err}
		}
		f = os.NewFile(uintptr(fd), path)
		return nil
	}
	const tries = 10 // another process makes the file, and removes it
	for range tries {
		if flag&os.O_EXCL == 0 {
			if err = try(flag &^ os.O_CREATE); err == nil || flag&os.O_CREATE == 0 || !errors.Is(err, fs.ErrNotExist) {
				return f, false, err
			}
		}
		if err = try(flag | os.O_EXCL); err == nil || flag&os.O_EXCL != 0 || !errors.Is(err, fs.ErrExist) {
			return f, true, err
		}
	}
	return nil, false, err
}

// trusted refuses what is not a regular file, a file of a foreign owner, and to write to a
// file of which others may have made a second name.
func (h held) trusted(f *os.File, flag int) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fault.New(fault.PathRefused, "%s is not a regular file", f.Name()).
			WithHint("look at it, then move it away: ls -ld %s", f.Name())
	}
	in, err := os.Stat(h.at)
	if err != nil {
		return err
	}
	file, dir := info.Sys().(*syscall.Stat_t), in.Sys().(*syscall.Stat_t)
	if h.below && file.Nlink != 1 && flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		return fault.New(fault.PathRefused, "%s has %d names, and other accounts may write to its folder", f.Name(), file.Nlink).
			WithHint("look at it, then move it away: ls -li %s", f.Name())
	}
	switch {
	case int(file.Uid) == os.Geteuid(), file.Uid == 0, file.Uid == dir.Uid:
		return nil
	case isShared(in) && file.Gid == dir.Gid:
		return nil
	default:
		return fault.New(fault.PathRefused, "%s belongs to uid %d; it must belong to this account, to root or to the owner of its folder", f.Name(), file.Uid).
			WithHint("look at it, then move it away or change its owner: ls -l %s", f.Name())
	}
}

// Most is the size of the largest file of state. What these files hold is some kilobytes.
const Most = 8 << 20

// ReadFile is [os.ReadFile] of a file that is not larger than most. Its error names the
// size that the file has.
func ReadFile(path string, most int64) ([]byte, error) {
	// NONBLOCK: a named pipe is not waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return all(f, most)
}

// all reads an open file. It refuses a file that is too large, or grows to be.
func all(f *os.File, most int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := fits(f.Name(), info.Size(), most); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	return b, fits(f.Name(), int64(len(b)), most)
}

func fits(path string, size, most int64) error {
	if size <= most {
		return nil
	}
	return fault.New(fault.PathRefused, "%s has %d bytes, and at most %d are read", path, size, most).
		WithHint("look at it, then move it away: ls -l %s", path)
}

// Read returns the content of the file. It trusts the same files as [Open], and refuses
// a file that is larger than [Most].
func Read(path string) ([]byte, error) {
	f, err := Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return all(f, Most)
}

// ReadObeyed is [Read] of a file that its reader acts by: only its owner may write
// it, and the owner is root, this account, or an account that trusts accepts.
func ReadObeyed(path string, trusts func(uid int) bool) ([]byte, error) {
	f, err := Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, fault.New(fault.PathRefused, "%s is obeyed, and accounts beside its owner may write it: its mode is %s", path, info.Mode().Perm()).
			WithHint("look at it; if it is right: chmod go-w %s", path)
	}
	if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != 0 && uid != os.Geteuid() && !trusts(uid) {
		return nil, fault.New(fault.PathRefused, "%s is obeyed, and uid %d wrote it, which may not do itself what it asks for", path, uid).
			WithHint("look at it, then move it away: ls -l %s", path)
	}
	return all(f, Most)
}

// Create makes a file that must not be there yet: fs.ErrExist if it is. When it
// fails later, the name stays. The file outlives a power cut.
func Create(path string, content []byte, private fs.FileMode) error {
	if err := fits(path, int64(len(content)), Most); err != nil {
		return err
	}
	folder := filepath.Dir(path)
	f, err := Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, private)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return full(folder, errors.Join(err, f.Sync(), f.Close(), Sync(folder)))
}

// RenameNew is Rename to a name that no file has; it fails with [fs.ErrExist] and leaves
// both if there is one.
func RenameNew(from, to string) error {
	folder := filepath.Dir(to)
	h, err := hold(folder)
	if err != nil {
		return err
	}
	defer h.release()
	old, name := h.path(from), h.path(to)
	err = unix.Renameat2(unix.AT_FDCWD, old, unix.AT_FDCWD, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a filesystem that cannot
		if err = os.Link(old, name); err == nil {
			err = os.Remove(old)
		}
	}
	if err != nil {
		return full(folder, fmt.Errorf("rename %s to %s: %w", from, to, err))
	}
	return Sync(folder)
}

// Rename gives the file another name in the same folder. The new name outlives a
// power cut.
func Rename(from, to string) error {
	folder := filepath.Dir(to)
	h, err := hold(folder)
	if err != nil {
		return err
	}
	defer h.release()
	if err := os.Rename(h.path(from), h.path(to)); err != nil {
		return full(folder, h.named(err))
	}
	return Sync(folder)
}
