package hostfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// folder is an open folder. It stays the same folder whatever becomes of its name.
type folder struct {
	*os.File
	name string // for words only
}

// fd is valid while the folder is open.
func (d *folder) fd() int { return int(d.Fd()) }

// open opens what is in the folder, not through a link.
func (d *folder) open(base string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Openat(d.fd(), base, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err == nil {
			return os.NewFile(uintptr(fd), path.Join(d.name, base)), nil
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, err
		}
	}
}

// enter opens a folder in d. O_PATH needs no right to list it.
func (d *folder) enter(base string) (*folder, error) {
	f, err := d.open(base, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return &folder{f, path.Join(d.name, base)}, nil
}

// hasFile reports whether there is a regular file of the name; anything else of
// that name is refused.
func (d *folder) hasFile(base string) (bool, error) {
	var st unix.Stat_t
	err := unix.Fstatat(d.fd(), base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, told(path.Join(d.name, base), "look at", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false, fault.New(fault.PathRefused, "%s is %s where a file is to be", path.Join(d.name, base), kind(st.Mode)).
			WithHint("look at it, then move it away: ls -ld %s", path.Join(d.name, base))
	}
	return true, nil
}

// make makes a folder in d and gives it d's owner.
func (d *folder) make(base string) (*folder, error) {
	// For root alone until it has its owner: what was put in its place meanwhile is
	// not like it, and is not given away.
	if err := unix.Mkdirat(d.fd(), base, 0o700); err != nil {
		return nil, err
	}
	return d.finish(base)
}

// begun reports whether a folder in d looks as if its making was cut off before it was
// given away: root's, for root alone, empty, in another's folder.
func (d *folder) begun(base string) bool {
	var in unix.Stat_t
	if err := unix.Fstat(d.fd(), &in); err != nil || int(in.Uid) == os.Geteuid() {
		return false
	}
	f, err := d.open(base, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	defer f.Close()
	return fresh(f) == nil
}

// finish gives a folder that was just made its owner and mode, durably.
func (d *folder) finish(base string) (*folder, error) {
	made, err := d.open(base, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer made.Close()
	if err := fresh(made); err != nil {
		return nil, err
	}
	if err := d.giveOwner(made); err != nil {
		return nil, err
	}
	if err := made.Chmod(folderMode); err != nil {
		return nil, err
	}
	if err := errors.Join(made.Sync(), d.sync()); err != nil {
		return nil, err
	}
	return d.enter(base)
}

// fresh refuses a folder that cannot be the folder that was just made.
func fresh(made *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(made.Fd()), &st); err != nil {
		return err
	}
	_, err := made.Readdirnames(1)
	if int(st.Uid) != os.Geteuid() || st.Mode&0o777 != 0o700 || !errors.Is(err, io.EOF) {
		return fault.New(fault.PathRefused, "%s changed while it was made", made.Name())
	}
	return nil
}

// giveOwner gives what was made in the folder the folder's owner.
func (d *folder) giveOwner(made *os.File) error {
	var mine, want unix.Stat_t
	if err := errors.Join(unix.Fstat(int(made.Fd()), &mine), unix.Fstat(d.fd(), &want)); err != nil {
		return err
	}
	if mine.Uid == want.Uid && mine.Gid == want.Gid {
		return nil
	}
	err := made.Chown(int(want.Uid), int(want.Gid))
	if os.Geteuid() != 0 && errors.Is(err, unix.EPERM) {
		return nil // only root can; without it what we make stays ours
	}
	return err
}

// sync makes the folder's names durable.
func (d *folder) sync() error {
	f, err := d.open(".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return told(d.name, "open", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return told(d.name, "sync", err)
	}
	return nil
}

func kind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFIFO:
		return "a named pipe"
	case unix.S_IFSOCK:
		return "a socket"
	default:
		return "a device"
	}
}

// refusedOr returns what is in the way of a folder.
func refusedOr(err error, name, verb string) error {
	// For a link, O_PATH|O_DIRECTORY|O_NOFOLLOW fails as for what is no folder.
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EEXIST) {
		return fault.New(fault.PathRefused, "%s is a symbolic link, or no folder", name).
			WithHint("agent.yaml's registryRoots are named without links; ls -ld %s", name)
	}
	return told(name, verb, err)
}

// told gives the system's error its reason.
func told(name, verb string, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return err
	}
	err = cause(err)
	switch {
	case errors.Is(err, unix.EROFS):
		return fault.New(fault.PathRefused, "%s %s: %w", verb, name, err).
			WithHint("%s", letWrite(name))
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENXIO):
		return fault.New(fault.PathRefused, "%s is not a regular file, or became another", name)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fault.New(fault.PathRefused, "%s %s: %w", verb, name, err)
	default:
		return statefile.Fault(fault.Internal, path.Dir(name), verb+" "+name, err)
	}
}

// letWrite returns what lets the agent write a path. It names a folder that is there:
// systemd does not start a unit with a ReadWritePaths= that is missing (226/NAMESPACE).
func letWrite(name string) string {
	dir, below := name, name
	for info, err := os.Lstat(dir); dir != "/" && (err != nil || !info.IsDir()); info, err = os.Lstat(dir) {
		dir, below = path.Dir(dir), dir
	}
	first := ""
	if dir == "/" { // which would open all of the host
		first, dir = "make the folder "+below+" by hand; then ", below
	}
	return "as root: " + first + "systemctl edit unidesk-agent, with [Service] and ReadWritePaths=" + dir + ", then systemctl restart unidesk-agent: its unit may write to few folders"
}

// cause is the system's error without the path that package os adds.
func cause(err error) error {
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		return fmt.Errorf("%s: %w", p.Op, p.Err)
	}
	return err
}
