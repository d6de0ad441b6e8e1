package envfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/google/renameio/v2"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// maxSize bounds what is read: an env file is a few kilobytes.
const maxSize = 1 << 20

// Load reads the env file at path.
func Load(path string) (Content, error) {
	real, err := resolve(path)
	if err != nil {
		return Content{}, err
	}
	c, _, err := load(path, real)
	return c, err
}

// resolve follows symbolic links once, so that the file that was read is the one
// that is replaced, and not the link.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", invalid(path, "resolve", err)
	}
	return real, nil
}

func load(path, real string) (Content, os.FileInfo, error) {
	// NONBLOCK: a named pipe must be refused, not waited for.
	f, err := os.OpenFile(real, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Content{}, nil, invalid(path, "open", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return Content{}, nil, invalid(path, "read", err)
	}
	if !info.Mode().IsRegular() {
		return Content{}, nil, fault.New(fault.EnvFileInvalid, "env file %s is not a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return Content{}, nil, invalid(path, "read", err)
	}
	if len(b) > maxSize {
		return Content{}, nil, fault.New(fault.EnvFileInvalid, "env file %s is larger than 1 MiB", path)
	}
	c, err := Parse(path, b)
	return c, info, err
}

// invalid tells the operating system's cause without the paths that it adds.
func invalid(path, verb string, err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		err = errno
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.New(fault.DiskFull, "env file %s: %s: %w", path, verb, err).WithHint("free space on its filesystem; the file is as it was")
	}
	return fault.New(fault.EnvFileInvalid, "env file %s: %s: %w", path, verb, err)
}

// swap puts b in the place of the file at real, whose mode and owner it gets:
// after a power cut there is the old file or the new one, whole.
func swap(real string, info os.FileInfo, b []byte) error {
	t, err := renameio.NewPendingFile(real, renameio.WithTempDir(filepath.Dir(real)), renameio.WithStaticPermissions(info.Mode().Perm()))
	if err != nil {
		return err
	}
	defer func() { _ = t.Cleanup() }()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := t.Chown(int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if _, err := t.Write(b); err != nil {
		return err
	}
	if err := t.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(real))
}

// sweep removes what a process that was killed in the middle of a swap has left:
// copies of the secrets. The lock must be held, so that no swap is under way.
func sweep(real string) error {
	entries, err := os.ReadDir(filepath.Dir(real))
	if err != nil {
		return err
	}
	// renameio's names: a dot, the file's, a random number.
	left := regexp.MustCompile(`^\.` + regexp.QuoteMeta(filepath.Base(real)) + `[0-9]{12,19}$`)
	for _, e := range entries {
		if left.MatchString(e.Name()) && e.Type().IsRegular() {
			if err := os.Remove(filepath.Join(filepath.Dir(real), e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
