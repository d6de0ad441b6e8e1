package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// copied is an account's own bare repository with the branches of a remote. Beside it, a lock is
// held by the process that brings it up to date; its content is when that was done. Git
// runs what the configuration of a repository names, so that no other account may write
// to it, or replace it.
type copied struct {
	remote Remote
	dir    string
}

func (c copied) lock() string { return strings.TrimSuffix(c.dir, ".git") + ".lock" }

// noSuchCommit is git's exit code for a --contains that names no commit it has.
const noSuchCommit = 129

// find returns a branch that holds the commit, "" when none is known to, and when
// the remote was asked for that.
func (c copied) find(ctx context.Context, commit artifact.Commit) (branch, asked string, err error) {
	if err := statefile.Guarded(statefile.Trust{}, c.dir); err != nil {
		return "", "", err
	}
	content, err := statefile.Read(c.lock())
	if asked = strings.TrimSpace(string(content)); errors.Is(err, fs.ErrNotExist) || err == nil && asked == "" {
		return "", "", nil // there is no whole copy yet
	}
	if err != nil {
		return "", "", err
	}
	out, err := git(ctx, settings{dir: c.dir}, "for-each-ref", "--count=1", "--contains="+commit.String(), "--format=%(refname:lstrip=2)", "refs/heads/")
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == noSuchCommit {
		return "", asked, nil
	}
	return strings.TrimSpace(out), asked, err
}

// refresh brings the copy up to date, and makes it if there is none. The trees and
// files of a commit do not show its branch; a remote that cannot leave them out sends
// all.
func (c copied) refresh(ctx context.Context) error {
	own := filepath.Dir(c.dir)
	if err := statefile.Folder(filepath.Dir(own), 0o750); err != nil {
		return err
	}
	for _, folder := range []string{own, c.dir} { // in turn: a link that was put there is not followed
		if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return statefile.Fault(fault.Internal, own, "make the copy", err)
		}
		if err := statefile.Guarded(statefile.Trust{}, folder); err != nil {
			return err
		}
	}
	lock, err := statefile.OpenLock(c.lock(), 0o640)
	if err != nil {
		return err
	}
	if err := lock.Wait(ctx); err != nil {
		return errors.Join(err, lock.Close())
	}
	defer func() { _ = lock.Unlock() }()
	if err := c.removeLocks(); err != nil {
		return err
	}
	if _, err := git(ctx, settings{dir: c.dir}, "init", "--quiet", "--bare", "--template=", "--shared=umask"); err != nil {
		return err
	}
	s := c.remote.settings()
	s.dir = c.dir
	if _, err := git(ctx, s, "fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--filter=tree:0", "--", name); err != nil {
		return err
	}
	if err := lock.File().Truncate(0); err != nil {
		return err
	}
	_, err = lock.File().WriteString(plain.Stamp(time.Now()) + "\n")
	return err
}

// removeLocks takes away the locks of a git that was killed: every later git would stop
// at them, and no branch's name ends like theirs. The holder of our own lock may.
func (c copied) removeLocks() error {
	return filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, ".lock") {
			err = os.Remove(path)
		}
		return err
	})
}
