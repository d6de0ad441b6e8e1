package statefile

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// maxLinks is how many symbolic links a path may lead through, as in path_resolution(7).
const maxLinks = 40

// Guarded returns nil if only root, this account and the accounts that are trusted can
// change what each path leads to: the file, the folders above it and the links on the
// way belong to them, and no other account may write there. Otherwise it is PATH_REFUSED
// with the line to type. The zero Trust accepts no other account. A path that is missing is as guarded as the
// folders above it.
//
// It is for files that this process obeys and other programs write: configuration,
// Compose files, env files.
func Guarded(trust Trust, paths ...string) error {
	g := guard{trust}
	for _, path := range paths {
		if err := g.walk(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Trust is whom a path may belong to beside root and this account.
type Trust struct {
	// Account reports whether an account is as good as root; nil: none is.
	Account func(uid int) bool
	// By is how an account becomes that, for the hint: "list it under admin".
	By string
}

type guard struct{ Trust }

func (g guard) trusts(uid int) bool {
	return uid == 0 || uid == os.Geteuid() || g.Account != nil && g.Account(uid)
}

// hint returns what to do about a file of an account that is not trusted.
func (g guard) hint(account, line string) string {
	if g.By == "" {
		return "look at it; if it is right, as root: " + line
	}
	return "if " + account + " is to be as good as root, " + g.By + "; else, as root: " + line
}

func (g guard) walk(path string) error {
	const top = string(filepath.Separator)
	names, at := strings.Split(path, top), top
	if !filepath.IsAbs(path) {
		from, err := os.Getwd()
		if err != nil {
			return err
		}
		names = strings.Split(filepath.Join(from, path), top)
	}
	if _, err := g.look(top); err != nil {
		return err
	}
	for links := 0; len(names) > 0; {
		name := names[0]
		names = names[1:]
		next := filepath.Join(at, name) // at has no link in it, so ".." is the folder above
		info, err := g.look(next)
		if err != nil {
			return err
		}
		if info.Mode().Type() != fs.ModeSymlink {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return &fs.PathError{Op: "follow", Path: path, Err: syscall.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if names = append(strings.Split(target, top), names...); filepath.IsAbs(target) {
			at = top
		}
	}
	return nil
}

// look refuses a file that another account owns, or may write to. The mode of a link
// means nothing; in a sticky folder no account replaces the files of others.
func (g guard) look(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	st := info.Sys().(*syscall.Stat_t)
	chown := "chown root"
	if info.Mode().Type() == fs.ModeSymlink {
		chown = "chown -h root"
	}
	sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0
	switch mode := info.Mode(); {
	case !g.trusts(int(st.Uid)):
		return nil, fault.New(fault.PathRefused, "%s belongs to %s, which could have root do what it likes: want root, or an account that is as good as root", path, nameOf(st.Uid)).
			WithHint("%s", g.hint(nameOf(st.Uid), chown+" "+path))
	case mode.Type() == fs.ModeSymlink || sticky:
		return info, nil
	case mode.Perm()&0o002 != 0:
		return nil, fault.New(fault.PathRefused, "everybody may write to %s (mode %04o), and what it holds is obeyed", path, mode.Perm()).
			WithHint("look at it; if it is right, as root: chmod go-w %s", path)
	case mode.Perm()&0o020 != 0 && !g.group(path, st.Gid):
		return nil, fault.New(fault.PathRefused, "the group %d may write to %s (mode %04o), and has accounts that are not as good as root", st.Gid, path, mode.Perm()).
			WithHint("look at it; if it is right, as root: chmod g-w %s", path)
	}
	return info, nil
}

// group reports whether all accounts of a group are trusted, as the owner of a group of
// its own is. Of a group that is not in /etc/group, and of a file with an access list,
// this is not known.
func (g guard) group(path string, gid uint32) bool {
	if n, err := unix.Getxattr(path, "system.posix_acl_access", nil); err == nil && n > 0 {
		return false
	}
	id := strconv.FormatUint(uint64(gid), 10)
	groups, err := entries("/etc/group", 4)
	if err != nil {
		return false
	}
	accounts, err := entries("/etc/passwd", 7)
	if err != nil {
		return false
	}
	known, members := false, []string{}
	for _, e := range groups {
		if e[2] == id {
			known, members = true, append(members, strings.Split(e[3], ",")...)
		}
	}
	for _, e := range accounts {
		uid, err := strconv.Atoi(e[2])
		if in := e[3] == id || slices.Contains(members, e[0]); in && (err != nil || !g.trusts(uid)) {
			return false
		}
	}
	return known
}

// entries returns the lines of a database of accounts that have so many fields.
func entries(path string, fields int) (list [][]string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if e := strings.Split(lines.Text(), ":"); len(e) == fields {
			list = append(list, e)
		}
	}
	return list, lines.Err()
}

func nameOf(uid uint32) string {
	text := fmt.Sprintf("uid %d", uid)
	if name := Account(int(uid)); name != strconv.Itoa(int(uid)) {
		return name + " (" + text + ")"
	}
	return text
}
