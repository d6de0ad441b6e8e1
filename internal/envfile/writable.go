package envfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// slack is the room that an edit needs beyond the file's own size: its lock, and names.
const slack = 16 << 10

// Writable returns why [Update] could not replace the env file at path, and what to
// do about it; nil if nothing is in its way. It changes nothing.
func Writable(path string) error {
	real, err := resolve(path)
	if err != nil {
		return err
	}
	_, info, err := load(path, real)
	if err != nil {
		return err
	}
	dir := filepath.Dir(real)
	no := func(format string, args ...any) *fault.Error {
		return fault.New(fault.EnvFileInvalid, "env file %s cannot be replaced: "+format, append([]any{path}, args...)...)
	}
	if isMountPoint(real) {
		return no("a file is mounted over it").WithHint("mount its folder instead: a deploy puts a new file in its place")
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); errors.Is(err, unix.EROFS) {
		return no("the filesystem of %s is read-only", dir).WithHint("as root: findmnt --target %s shows it, mount -o remount,rw makes it writable", dir)
	}
	if f := denied(path); f != nil {
		return f
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return no("its folder %s takes no file: %w", dir, err).WithHint("look at it, as root: ls -ld %[1]s, lsattr -d %[1]s", dir)
	}
	return roomFor(path, dir, info.Size()+slack)
}

// roomFor fails as a write does on a disk that is full.
func roomFor(path, dir string, need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return invalid(path, "ask the disk of", err)
	}
	if int64(st.Bavail)*st.Bsize < need || st.Files > 0 && st.Ffree < 2 {
		return statefile.Fault(fault.EnvFileInvalid, dir, fmt.Sprintf("env file %s: replace", path), syscall.ENOSPC)
	}
	return nil
}

// isMountPoint knows a file that is mounted over a name: it cannot be replaced, only
// written to. A kernel before 5.8 does not report it.
func isMountPoint(real string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, real, unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &st)
	return err == nil && st.Attributes&st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0
}
