package envfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
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

// resolve follows symbolic links once, so that the file that was read is replaced, and
// not the link.
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

// invalid returns the operating system's cause without the paths that it adds. If the
// account's rights are the cause, it returns all that they refuse.
func invalid(path, verb string, err error) error {
	if f := denied(path); f != nil && errors.Is(err, fs.ErrPermission) {
		return f
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		err = errno
	}
	f := statefile.Fault(fault.EnvFileInvalid, filepath.Dir(path), fmt.Sprintf("env file %s: %s", path, verb), err)
	if f.Reason == fault.DiskFull {
		return f.WithHint("%s; the file is as it was", f.Hint)
	}
	return f
}
