package statefile

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	sharedFolder = fs.ModeSetgid | 0o770
	sharedFile   = 0o660
)

// Shared reports whether a group works in the folder.
func Shared(folder string) bool {
	info, err := os.Stat(folder)
	return err == nil && isShared(info)
}

func isShared(folder fs.FileInfo) bool {
	return folder.Mode()&fs.ModeSetgid != 0 && folder.Mode()&0o020 != 0
}

// Folder makes the folder and its missing parents. It has the given mode, or that
// of a shared parent. It outlives a power cut.
func Folder(path string, private fs.FileMode) error {
	parent := filepath.Dir(path)
	h, err := hold(parent)
	if errors.Is(err, fs.ErrNotExist) {
		if err := Folder(parent, private); err != nil {
			return err
		}
		h, err = hold(parent)
	}
	if err != nil {
		return err
	}
	defer h.release()
	look := os.Stat
	if h.below {
		look = os.Lstat
	}
	switch info, err := look(h.path(path)); {
	case err == nil && info.IsDir():
		return nil
	case err == nil && h.below:
		return noFolder(path, filepath.Base(path))
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	if err := Folder(parent, private); err != nil {
		return err
	}
	if err := os.Mkdir(h.path(path), private); err != nil && !errors.Is(err, fs.ErrExist) {
		return full(parent, h.named(err))
	} else if err == nil && Shared(h.at) {
		if err := h.share(path); err != nil {
			return errors.Join(err, os.Remove(h.path(path))) // a folder that is not shared would keep the others out
		}
	}
	return Sync(parent) // also when another process made the folder just now
}

// share gives a folder that was just made the mode of a shared folder, past the umask.
func (h held) share(path string) error {
	fd, err := again(func() (int, error) {
		return unix.Open(h.path(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	made := os.NewFile(uintptr(fd), path)
	return errors.Join(made.Chmod(sharedFolder), made.Close())
}

// Sync makes the names in the folder outlive a power cut.
func Sync(folder string) error {
	h, err := hold(folder)
	if err != nil {
		return err
	}
	defer h.release()
	d, err := os.Open(h.at)
	if err != nil {
		return h.named(err)
	}
	return full(folder, errors.Join(d.Sync(), d.Close()))
}

// mode is the mode of a new file in the folder.
func mode(folder string, private fs.FileMode) fs.FileMode {
	if Shared(folder) {
		return sharedFile
	}
	return private
}

// Free is how many bytes the filesystem that the path is on, or would be on, has left
// for a process that is not root.
func Free(path string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(Existing(path), &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// Left is [Free], and how many files more the filesystem takes: many if it does not count them.
func Left(path string) (bytes int64, inodes uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(Existing(path), &st); err != nil {
		return 0, 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	if inodes = st.Ffree; st.Files == 0 {
		inodes = math.MaxUint64
	}
	return int64(st.Bavail) * st.Bsize, inodes, nil
}

// Existing returns the path, or the nearest path above it that exists.
func Existing(path string) string {
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}
