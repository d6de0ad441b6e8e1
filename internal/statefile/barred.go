package statefile

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Barred returns why this account cannot replace or remove the files of these names in
// the folder, since folder or file is another account's. Its hint names the account that
// can. It returns nil if nothing is in the way, or something else than an account's rights.
func Barred(folder string, names ...string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return nil
	}
	me := os.Geteuid()
	no := func(path string, f fs.FileInfo) error {
		return fault.New(fault.PathRefused, "%s may not write to %s, which belongs to %s (mode %04o)", Account(me), path, Account(Owner(f)), f.Mode().Perm()).
			WithHint("%s", RunAs(Owner(f)))
	}
	if Denied(folder, unix.W_OK|unix.X_OK) {
		return no(folder, info)
	}
	if info.Mode()&fs.ModeSticky == 0 || me == 0 || Owner(info) == me {
		return nil
	}
	for _, name := range names {
		if f, err := os.Lstat(filepath.Join(folder, name)); err == nil && Owner(f) != me {
			return no(filepath.Join(folder, name), f)
		}
	}
	return nil
}

// Denied reports whether the rights of this account, and nothing else, refuse an access.
func Denied(path string, access uint32) bool {
	return errors.Is(unix.Faccessat(unix.AT_FDCWD, path, access, unix.AT_EACCESS), unix.EACCES)
}

// RunAs is the advice to be the account, or root.
func RunAs(uid int) string {
	if uid == 0 {
		return "run as root"
	}
	return "run as " + Account(uid) + ", or as root"
}

// Owner returns the uid that a file belongs to.
func Owner(f fs.FileInfo) int { return int(f.Sys().(*syscall.Stat_t).Uid) }

// Account is a user's name, or the number that chown takes as well.
func Account(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

// Group is a group's name, or the number that chown takes as well.
func Group(gid int) string {
	id := strconv.Itoa(gid)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

// Admission returns what lets this account into a folder of state that refuses it: to be
// of the group that works there, or to be its owner. Of a path that it cannot look at, the
// nearest folder above counts.
func Admission(path string) string {
	info, err := os.Stat(path)
	for ; err != nil && path != filepath.Dir(path); info, err = os.Stat(path) {
		path = filepath.Dir(path)
	}
	if err != nil {
		return ""
	}
	if group := Group(int(info.Sys().(*syscall.Stat_t).Gid)); isShared(info) && group != "root" {
		return "as root: usermod -aG " + group + " " + Account(os.Geteuid()) + "; then log in again"
	}
	return RunAs(Owner(info))
}
