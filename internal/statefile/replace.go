package statefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/google/renameio/v2"
)

// Replace puts a file with this content at the path. It has the given mode, or
// that of its shared folder. After a power cut, the whole old file or the whole new
// file is there. A content that is larger than [Most] is refused.
func Replace(path string, content []byte, private fs.FileMode) error {
	return replace(path, content, func(at string) fs.FileMode { return mode(at, private) }, nil, nil)
}

// ReplacePrivate is [Replace] for a file that no other account reads, though a group works
// in its folder.
func ReplacePrivate(path string, content []byte) error {
	return replace(path, content, always(0o600), nil, nil)
}

// ReplaceObeyed is [Replace] for a file that [ReadObeyed] reads: the group of a shared
// folder reads it, and only this account writes it.
func ReplaceObeyed(path string, content []byte) error {
	return replace(path, content, func(at string) fs.FileMode { return mode(at, 0o600) &^ 0o022 }, nil, nil)
}

// ReplaceAs is [Replace] for a file that keeps the mode and the owner of another. Just
// before the new file takes the name, and when all of it is on disk, it calls still: an
// error of it is returned as it is, and the file stays as it was.
func ReplaceAs(path string, content []byte, like fs.FileInfo, still func() error) error {
	return replace(path, content, always(like.Mode().Perm()), like, still)
}

func always(mode fs.FileMode) func(string) fs.FileMode {
	return func(string) fs.FileMode { return mode }
}

func replace(path string, content []byte, mode func(at string) fs.FileMode, owner fs.FileInfo, still func() error) error {
	if err := fits(path, int64(len(content)), Most); err != nil { // nothing could read it
		return err
	}
	folder := filepath.Dir(path)
	h, err := hold(folder)
	if err != nil {
		return err
	}
	defer h.release()
	t, err := renameio.NewPendingFile(h.path(path), renameio.WithTempDir(h.at), renameio.WithStaticPermissions(mode(h.at)))
	if err != nil {
		return full(folder, h.named(err))
	}
	defer func() { _ = t.Cleanup() }()
	if owner != nil {
		st := owner.Sys().(*syscall.Stat_t)
		if err := t.Chown(int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if _, err := t.Write(content); err != nil {
		return full(folder, err)
	}
	if still != nil {
		// The second sync, of what is on disk by then, takes no time.
		if err := t.Sync(); err != nil {
			return full(folder, err)
		}
		if err := still(); err != nil {
			return err
		}
	}
	if err := t.CloseAtomicallyReplace(); err != nil {
		return full(folder, h.named(err))
	}
	return Sync(folder)
}

// Sweep removes the temporary files that a killed [Replace] of the path left. No
// Replace of it may be under way: the caller holds the file's lock.
func Sweep(path string) error {
	h, err := hold(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer h.release()
	entries, err := os.ReadDir(h.at)
	if err != nil {
		return h.named(err)
	}
	// renameio's names: a dot, the file's, a random number.
	left := regexp.MustCompile(`^\.` + regexp.QuoteMeta(filepath.Base(path)) + `[0-9]{12,19}$`)
	for _, e := range entries {
		if left.MatchString(e.Name()) && e.Type().IsRegular() {
			if err := os.Remove(h.path(e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
