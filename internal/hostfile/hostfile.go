// Package hostfile reads and writes a host's configuration files as root, below folders
// whose owner may not be trusted with root: a home. It knows folders and regular files
// of at most 1 MiB, below its roots, and refuses everything else as PATH_REFUSED.
//
// The danger is the owner of the folder. He may put a symbolic link, a named pipe or a
// lease in the way, at any moment, to have root write elsewhere or wait for ever. So a
// path is never given to the kernel whole. It is walked from "/", name by name, each
// opened in the folder before it and never through a link (O_NOFOLLOW); what was opened
// is held, and all acts happen in it. That is what openat2's RESOLVE_NO_SYMLINKS
// promises, with three gains: it names the link, it makes the folders that are missing
// on the way, and kernels before 5.6 can do it. [os.Root] would not do: it follows
// links that stay below its root, and a home's owner needs no others.
//
// Nothing here removes a folder, or what is in one.
package hostfile

import (
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

const (
	fileMode   = 0o644
	folderMode = 0o755
	// maxSize bounds what is read: these files are a few kilobytes.
	maxSize = 1 << 20
)

// Files are those below some roots.
type Files struct{ roots []string }

// New returns the files below these roots, which are absolute and clean.
func New(roots ...string) Files { return Files{slices.Clone(roots)} }

// Read returns a regular file's content, nil when there is none.
func (f Files) Read(name string) ([]byte, error) {
	content, _, err := f.Look(name)
	return content, err
}

// Look is Read, and returns when the file was changed last, its name and owner included
// (ctime). It refuses a file with a second name: who may write by that name need not be
// who may write here.
func (f Files) Look(name string) (content []byte, changed time.Time, err error) {
	dir, base, err := f.folderOf(name)
	if err != nil || dir == nil {
		return nil, changed, err
	}
	defer dir.Close()
	if there, err := dir.hasFile(base); err != nil || !there {
		return nil, changed, err
	}
	// NONBLOCK: a pipe that was put there since must not be waited for, nor the
	// holder of a lease (fcntl(2), F_SETLEASE).
	file, err := dir.open(base, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if errors.Is(err, unix.ENOENT) {
		return nil, changed, nil
	}
	if err != nil {
		return nil, changed, told(name, "open", err)
	}
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, changed, fault.New(fault.PathRefused, "%s is not a regular file", name)
	}
	if st.Nlink > 1 {
		return nil, changed, fault.New(fault.PathRefused, "%s has another name too (a hard link)", name).
			WithHint("look at it, then give it one name: cp -p %[1]s %[1]s.own && mv %[1]s.own %[1]s", name)
	}
	if content, err = io.ReadAll(io.LimitReader(file, maxSize+1)); err != nil {
		return nil, changed, told(name, "read", err)
	}
	if len(content) > maxSize {
		return nil, changed, fault.New(fault.PathRefused, "%s is larger than 1 MiB, and so none of ours", name)
	}
	if content == nil {
		content = []byte{}
	}
	return content, time.Unix(st.Ctim.Unix()), nil
}

// Remove removes a regular file; none is no error.
func (f Files) Remove(name string) error {
	dir, base, err := f.folderOf(name)
	if err != nil || dir == nil {
		return err
	}
	defer dir.Close()
	if there, err := dir.hasFile(base); err != nil || !there {
		return err
	}
	// Of a name: a link that was put there since is removed, never what it leads to.
	if err := unix.Unlinkat(dir.fd(), base, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return told(name, "remove", err)
	}
	return dir.sync()
}

// Free returns whether a folder is there, and how many bytes are free on its
// filesystem.
func (f Files) Free(name string) (there bool, free int64, err error) {
	if err := f.allowed(name); err != nil {
		return false, 0, err
	}
	dir, err := walk(name)
	if err != nil || dir == nil {
		return false, 0, err
	}
	defer dir.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(dir.fd(), &st); err != nil {
		return true, 0, told(name, "read", err)
	}
	return true, int64(st.Bavail) * st.Frsize, nil
}

// MakeFolder makes a folder and what leads to it from its root on, the root too, each
// with the owner of the folder that it is in. A folder whose making was cut off before
// it had its owner is finished.
func (f Files) MakeFolder(name string) (made bool, err error) {
	if err := f.allowed(name); err != nil {
		return false, err
	}
	root := f.rootOf(name)
	dir, err := walk(path.Dir(root))
	if err == nil && dir == nil {
		err = fault.New(fault.PathRefused, "%s is not there, and nothing is made above %s", path.Dir(root), root)
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = dir.Close() }()
	rest := strings.TrimPrefix(strings.TrimPrefix(name, path.Dir(root)), "/")
	for base := range strings.SplitSeq(rest, "/") {
		next, err := dir.enter(base)
		switch {
		case errors.Is(err, unix.ENOENT):
			made = true
			next, err = dir.make(base)
		case err == nil && dir.begun(base):
			_ = next.Close()
			made = true
			next, err = dir.finish(base)
		}
		if err != nil {
			return made, refusedOr(err, path.Join(dir.name, base), "make folder")
		}
		_ = dir.Close()
		dir = next
	}
	return made, nil
}

// folderOf opens the folder of a file; nil when there is none.
func (f Files) folderOf(name string) (*folder, string, error) {
	if err := f.allowed(name); err != nil {
		return nil, "", err
	}
	if f.rootOf(name) == name {
		return nil, "", fault.New(fault.PathRefused, "%s is a root and no file", name)
	}
	dir, err := walk(path.Dir(name))
	return dir, path.Base(name), err
}

func (f Files) allowed(name string) error {
	if !path.IsAbs(name) || path.Clean(name) != name || f.rootOf(name) == "" {
		return fault.New(fault.PathRefused, "%s is not below a folder that is ours to change", name)
	}
	return nil
}

// rootOf returns the root that a path lies in, "" for none.
func (f Files) rootOf(name string) string {
	for _, root := range f.roots {
		if name == root || strings.HasPrefix(name, root+"/") {
			return root
		}
	}
	return ""
}

// walk opens a folder, going from "/" name by name; nil when it is not there.
func walk(name string) (*folder, error) {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, told("/", "open", err)
	}
	dir := &folder{os.NewFile(uintptr(fd), "/"), "/"}
	for base := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if base == "" {
			break // "/" itself
		}
		next, err := dir.enter(base)
		_ = dir.Close()
		if errors.Is(err, unix.ENOENT) {
			return nil, nil
		}
		if err != nil {
			return nil, refusedOr(err, path.Join(dir.name, base), "enter")
		}
		dir = next
	}
	return dir, nil
}
