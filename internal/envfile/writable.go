package envfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
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
	dir, me := filepath.Dir(real), account(os.Geteuid())
	no := func(format string, args ...any) *fault.Error {
		return fault.New(fault.EnvFileInvalid, "env file %s cannot be replaced: "+format, append([]any{path}, args...)...)
	}
	if isMountPoint(real) {
		return no("a file is mounted over it").WithHint("mount its folder instead: a deploy puts a new file in its place")
	}
	folder, err := os.Stat(dir)
	if err != nil {
		return invalid(path, "look at the folder of", err)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); errors.Is(err, unix.EROFS) {
		return no("the filesystem of %s is read-only", dir).WithHint("as root: findmnt --target %s shows it, mount -o remount,rw makes it writable", dir)
	} else if err != nil {
		return no("%s may not write to %s, which belongs to %s", me, dir, owner(folder)).
			WithHint("run as %s, or give the folder away, as root: chown %s %s", account(uid(folder)), me, dir)
	}
	if !mayGive(info) {
		return no("%s cannot make a file that belongs to %s, as it does", me, owner(info)).
			WithHint("run as %s, or give the file away, as root: chown %s %s", account(uid(info)), me, real)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, lockOf(real), unix.R_OK|unix.W_OK, unix.AT_EACCESS); err != nil && !errors.Is(err, unix.ENOENT) {
		return no("%s may not open its lock %s", me, lockOf(real)).WithHint("as root: chown %s %s", me, lockOf(real))
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

// mayGive reports whether this process may make a file of this owner and group.
func mayGive(like fs.FileInfo) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err == nil && have[0].Effective&(1<<unix.CAP_CHOWN) != 0 {
		return true
	}
	groups, err := os.Getgroups()
	group := int(like.Sys().(*syscall.Stat_t).Gid)
	return uid(like) == os.Geteuid() && (group == os.Getegid() || err == nil && slices.Contains(groups, group))
}

func uid(f fs.FileInfo) int { return int(f.Sys().(*syscall.Stat_t).Uid) }

func owner(f fs.FileInfo) string {
	return fmt.Sprintf("%s (mode %04o)", account(uid(f)), f.Mode().Perm())
}

// account is a user's name, or the number that chown takes as well.
func account(id int) string {
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return u.Username
	}
	return strconv.Itoa(id)
}
