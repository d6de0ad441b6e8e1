package envfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// Barred returns why this account's rights keep it from replacing the env file at path:
// its folder, the file itself or its lock is another account's. The hint names the account
// that can. It returns nil if nothing of that is in the way.
func Barred(path string) error {
	if b := bars(path); len(b.why) > 0 {
		return b.fault(path).WithHint("%s", b.who)
	}
	return nil
}

// denied is [Barred] with all that gives the file to this account, as a single line to type;
// nil if nothing is in the way.
func denied(path string) *fault.Error {
	b := bars(path)
	if len(b.why) == 0 {
		return nil
	}
	return b.fault(path).WithHint("%s; or, if only %s deploys from now on, as root: %s", b.who, me(), b.take)
}

// barrier is all that is another account's of an env file and what is beside it.
type barrier struct {
	why  []string // what this account may not do
	who  string   // the account to be instead
	take string   // what root types, to give all of it to this account
}

func (b barrier) fault(path string) *fault.Error {
	return fault.New(fault.EnvFileInvalid, "env file %s cannot be replaced by %s, who %s", path, me(), strings.Join(b.why, ", "))
}

func bars(path string) (b barrier) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrPermission) {
		return hidden(path)
	}
	dir := filepath.Dir(real)
	folder, unknown := os.Stat(dir)
	file, missing := os.Stat(real)
	if errors.Join(err, unknown, missing) != nil {
		return b // which is no matter of rights
	}
	var take [][]string
	mine := []string{"chown", me()}
	if statefile.Denied(dir, unix.W_OK|unix.X_OK) {
		b.why, mine = append(b.why, fmt.Sprintf("may not write to %s, which belongs to %s", dir, owner(folder))), append(mine, dir)
	}
	switch given := mayGive(file); {
	case !given:
		b.why = append(b.why, "cannot make a file that belongs to "+owner(file)+", as it does")
		if inGroup(group(file)) {
			mine = append(mine, real)
		} else {
			take = append(take, []string{"chown", me() + ":" + statefile.Group(os.Getegid()), real})
		}
	case statefile.Denied(real, unix.R_OK):
		b.why, take = append(b.why, "may not read it"), append(take, []string{"chmod", "u+r", real})
	}
	lock, free := os.Stat(lockOf(real))
	if statefile.Denied(lockOf(real), unix.R_OK|unix.W_OK) {
		b.why, mine = append(b.why, "may not open its lock "+lockOf(real)), append(mine, lockOf(real))
	}
	if len(mine) > 2 {
		take = append([][]string{mine}, take...)
	}
	b.take = lines(take)
	able := statefile.Owner(file)
	if !shares(folder, able) || free == nil && !shares(lock, able) {
		able = 0
	}
	b.who = statefile.RunAs(able)
	return b
}

// hidden is the barrier of a file that this account cannot even look at.
func hidden(path string) (b barrier) {
	dir := filepath.Dir(path)
	shut := dir
	for above := dir; above != filepath.Dir(above); above = filepath.Dir(above) {
		if statefile.Denied(above, unix.X_OK) {
			shut = above // the uppermost is the last
		}
	}
	able := 0
	if info, err := os.Stat(shut); err == nil {
		able = statefile.Owner(info)
	}
	var take [][]string
	if shut != dir {
		take = append(take, []string{"chmod", "o+x", shut})
	}
	take = append(take, []string{"chown", "-f", me() + ":" + statefile.Group(os.Getegid()), dir, path, lockOf(path)})
	return barrier{why: []string{"may not look into " + shut}, who: statefile.RunAs(able), take: lines(take)}
}

// shares reports whether an account may write to a file that it owns or, by the file's mode,
// shares with others.
func shares(f fs.FileInfo, uid int) bool {
	return statefile.Owner(f) == uid || f.Mode().Perm()&0o022 != 0
}

func lines(commands [][]string) string {
	var all []string
	for _, c := range commands {
		all = append(all, plain.Command(c...))
	}
	return strings.Join(all, " && ")
}

// mayGive reports whether this process may make a file of this owner and group.
func mayGive(like fs.FileInfo) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err == nil && have[0].Effective&(1<<unix.CAP_CHOWN) != 0 {
		return true
	}
	return statefile.Owner(like) == os.Geteuid() && inGroup(group(like))
}

func inGroup(gid int) bool {
	groups, err := os.Getgroups()
	return gid == os.Getegid() || err == nil && slices.Contains(groups, gid)
}

func group(f fs.FileInfo) int { return int(f.Sys().(*syscall.Stat_t).Gid) }

func owner(f fs.FileInfo) string {
	return fmt.Sprintf("%s (mode %04o)", statefile.Account(statefile.Owner(f)), f.Mode().Perm())
}

func me() string { return statefile.Account(os.Geteuid()) }
