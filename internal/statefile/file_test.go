package statefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// content fails the test if the file does not hold exactly this.
func content(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if must(t, err); string(got) != want {
		t.Errorf("%s holds %q, want %q", path, got, want)
	}
}

func TestALinkIsNotFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret, link := filepath.Join(dir, "secret"), filepath.Join(dir, "lock")
	must(t, os.WriteFile(secret, []byte("kept"), 0o600), os.Symlink(secret, link))
	for _, flag := range []int{os.O_RDONLY, os.O_RDWR | os.O_CREATE, os.O_WRONLY | os.O_CREATE | os.O_TRUNC} {
		if f, err := statefile.Open(link, flag, 0o600); err == nil {
			_ = f.Close()
			t.Errorf("a link was opened with the flags %#x", flag)
		}
	}
	if _, err := statefile.OpenLock(link, 0o600); err == nil {
		t.Error("a link was opened as a lock")
	}
	if _, err := statefile.Read(link); err == nil {
		t.Error("a link was read")
	}
	// What replaces the link is a file: nothing is written through it.
	must(t, statefile.Replace(link, []byte("new"), 0o600))
	content(t, secret, "kept")
	content(t, link, "new")
}

func TestOnlyARegularFileIsOpened(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, unix.Mkfifo(pipe, 0o600))
	if _, err := statefile.Read(pipe); fault.ReasonOf(err) != fault.PathRefused || fault.HintOf(err) == "" {
		t.Errorf("a named pipe: %v", err)
	}
}

func TestAFileOfAForeignOwnerIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files away")
	}
	for name, c := range map[string]struct {
		folder       fs.FileMode
		owner, group int // the folder's
		uid, gid     int // the file's
		refused      bool
	}{
		"root's":                                      {0o755, first, first, 0, 0, false},
		"that of the folder's owner":                  {0o755, first, group, first, first, false},
		"a stranger's":                                {0o770, 0, group, second, second, true},
		"an operator's in a shared folder":            {fs.ModeSetgid | 0o770, 0, group, second, group, false},
		"a stranger's in a shared folder":             {fs.ModeSetgid | 0o770, 0, group, second, second, true},
		"the group's in a folder without setgid":      {0o770, 0, group, second, group, true},
		"the group's in a folder that it only reads":  {fs.ModeSetgid | 0o750, 0, group, second, group, true},
		"a stranger's in the folder of somebody else": {0o777, first, first, second, second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newState(t, 0o700)
			file := filepath.Join(dir, "receipt")
			must(t, os.WriteFile(file, []byte("kept"), 0o600), os.Chown(file, c.uid, c.gid), os.Chown(dir, c.owner, c.group), os.Chmod(dir, c.folder))
			_, read := statefile.Read(file)
			_, held := statefile.Held(file)
			lock, taken := statefile.OpenLock(file, 0o600)
			if taken == nil {
				must(t, lock.Close())
			}
			for doing, err := range map[string]error{"read": read, "ask for its lock": held, "lock": taken} {
				if (fault.ReasonOf(err) == fault.PathRefused) != c.refused || (err != nil) != c.refused {
					t.Errorf("%s: %v", doing, err)
				}
			}
			if c.refused {
				if _, err := statefile.Open(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err == nil {
					t.Error("it was opened")
				}
				content(t, file, "kept")
			}
		})
	}
}

func TestAReplacementIsTheGroupsInASharedFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "receipt")
	for _, c := range []struct{ folder, want fs.FileMode }{{0o770, 0o600}, {fs.ModeSetgid | 0o770, 0o660}} {
		must(t, os.Chmod(dir, c.folder), statefile.Replace(file, nil, 0o600))
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != c.want {
			t.Errorf("in a folder of %v it is %v (%v), want %v", c.folder, info.Mode(), err, c.want)
		}
	}
}

func TestAFileIsCreatedOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "used")
	must(t, statefile.Create(file, []byte("first"), 0o600))
	if err := statefile.Create(file, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("it was created again: %v", err)
	}
	content(t, file, "first")
	must(t, statefile.Rename(file, file+".json"))
	content(t, file+".json", "first")
}

func TestAReplacementKeepsTheOwner(t *testing.T) {
	t.Parallel()
	dir := newState(t, 0o700)
	file := filepath.Join(dir, ".env")
	must(t, os.WriteFile(file, []byte("old"), 0o600), os.Chown(file, first, group), os.Chmod(file, 0o640))
	like, err := os.Stat(file)
	must(t, err, statefile.ReplaceAs(file, []byte("new"), like, func() error { return nil }))
	content(t, file, "new")
	var st unix.Stat_t
	must(t, unix.Stat(file, &st))
	if st.Uid != first || st.Gid != group || st.Mode&0o777 != 0o640 {
		t.Errorf("it belongs to %d:%d with mode %o", st.Uid, st.Gid, st.Mode&0o777)
	}
}

func TestASweepTakesOnlyWhatAKilledWriteLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "web.pending.json")
	left, kept := []string{".web.pending.json123456789012345"}, []string{
		"web.pending.json", ".web.pending.json", ".web.pending.json.bak", ".web.pending.json1234", ".webxpending.json123456789012345", "web.pending.json123456789012345", "xweb.pending.json123456789012345",
	}
	for _, name := range append(left, kept...) {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	must(t, os.Mkdir(filepath.Join(dir, ".web.pending.json123456789012346"), 0o700), statefile.Sweep(file))
	for _, name := range left {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", name, err)
		}
	}
	for _, name := range kept {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestAReplacementIsOnDiskBeforeItsLastLook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, ".env")
	must(t, os.WriteFile(file, []byte("old"), 0o600))
	like, err := os.Stat(file)
	must(t, err)
	changed := errors.New("it is another file by now")
	err = statefile.ReplaceAs(file, []byte("new"), like, func() error {
		all, err := filepath.Glob(filepath.Join(dir, "..env*"))
		must(t, err)
		if len(all) != 1 {
			t.Fatalf("there is %q", all)
		}
		content(t, all[0], "new")
		content(t, file, "old")
		return changed
	})
	if !errors.Is(err, changed) {
		t.Error(err)
	}
	content(t, file, "old")
	if all, err := filepath.Glob(filepath.Join(dir, "..env*")); err != nil || len(all) > 0 {
		t.Errorf("%q is left, %v", all, err)
	}
}

func TestAFileThatIsTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large, most := filepath.Join(dir, "large"), filepath.Join(dir, "most")
	must(t, os.WriteFile(large, nil, 0o600), os.Truncate(large, 1<<30), os.WriteFile(most, nil, 0o600), os.Truncate(most, statefile.Most))
	for doing, read := range map[string]func(string) ([]byte, error){
		"read":      statefile.Read,
		"read file": func(path string) ([]byte, error) { return statefile.ReadFile(path, statefile.Most) },
		"obey":      func(path string) ([]byte, error) { return statefile.ReadObeyed(path, func(int) bool { return true }) },
	} {
		_, err := read(large)
		if want := large + " has 1073741824 bytes, and at most 8388608 are read"; err == nil || err.Error() != want || fault.HintOf(err) == "" {
			t.Errorf("%s: %v, want %q", doing, err, want)
		}
		if b, err := read(most); err != nil || len(b) != statefile.Most {
			t.Errorf("%s the largest: %d bytes, %v", doing, len(b), err)
		}
	}
	// A size of 0 is no promise.
	if _, err := statefile.ReadFile("/dev/zero", 1<<20); err == nil || err.Error() != "/dev/zero has 1048577 bytes, and at most 1048576 are read" {
		t.Errorf("a file without an end: %v", err)
	}
}

func TestAFileThatNothingCouldReadIsNotWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "receipt")
	must(t, statefile.Replace(file, []byte("whole"), 0o600))
	more := make([]byte, statefile.Most+1)
	for doing, err := range map[string]error{
		"replace": statefile.Replace(file, more, 0o600),
		"create":  statefile.Create(file+".new", more, 0o600),
	} {
		if fault.ReasonOf(err) != fault.PathRefused {
			t.Errorf("%s: %v", doing, err)
		}
	}
	content(t, file, "whole")
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Errorf("there is %v, %v", left, err)
	}
}
