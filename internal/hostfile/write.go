package hostfile

import (
	"crypto/rand"
	"errors"
	"os"
	"path"
	"regexp"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Write puts content at a path, with mode 0644 and the folder's owner. After a power
// cut there is the old content or the new, whole, and so too when it fails. Of two
// writes of a file at a time, one may fail.
func (f Files) Write(name string, content []byte) error {
	dir, base, err := f.folderOf(name)
	if err == nil && dir == nil {
		err = fault.New(fault.PathRefused, "%s: its folder is not there", name)
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	if _, err := dir.hasFile(base); err != nil {
		return err
	}
	dir.sweep(base)
	temp := "." + base + "." + rand.Text() + suffix
	file, err := dir.open(temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return told(name, "write", err)
	}
	err = errors.Join(dir.fill(file, content), file.Close())
	if err == nil {
		err = unix.Renameat(dir.fd(), temp, dir.fd(), base)
	}
	if err != nil {
		_ = unix.Unlinkat(dir.fd(), temp, 0)
		return told(name, "write", err)
	}
	return dir.sync()
}

// fill gives a new file its content, owner and mode, durably.
func (d *folder) fill(file *os.File, content []byte) error {
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := d.giveOwner(file); err != nil {
		return err
	}
	if err := file.Chmod(fileMode); err != nil {
		return err
	}
	return file.Sync()
}

// suffix is what the names of half-written files end in.
const suffix = ".unidesk-tmp"

// sweep removes what writes of this file that were killed have left. What cannot be
// removed does no harm.
func (d *folder) sweep(base string) {
	f, err := d.open(".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return
	}
	defer f.Close()
	left := regexp.MustCompile(`^\.` + regexp.QuoteMeta(base) + `\.[A-Z2-7]{26}` + regexp.QuoteMeta(suffix) + `$`)
	// As many as a folder of ours could hold: its owner may have filled it.
	names, _ := f.Readdirnames(4096)
	for _, n := range names {
		if left.MatchString(path.Base(n)) {
			_ = unix.Unlinkat(d.fd(), n, 0) // of a folder, this is an error
		}
	}
}
