package statefile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

func TestWhatIsMadeFitsItsFolder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state, folder, file fs.FileMode
	}{
		"a private one":                           {0o750, fs.ModeDir | 0o750, 0o600},
		"one that the world may read":             {0o755, fs.ModeDir | 0o750, 0o600},
		"one that a group shares":                 {fs.ModeSetgid | 0o770, fs.ModeDir | fs.ModeSetgid | 0o770, 0o660},
		"one that a group shares, and the world":  {fs.ModeSetgid | 0o777, fs.ModeDir | fs.ModeSetgid | 0o770, 0o660},
		"one that a group writes and nobody owns": {0o770, fs.ModeDir | 0o750, 0o600},
		"one that a group only reads":             {fs.ModeSetgid | 0o750, 0, 0o600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			if err := os.Chmod(state, c.state); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := statefile.Folder(filepath.Join(state, "ledger", "prod"), 0o750); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(state, "ledger", "prod", "lock")
			f, err := statefile.Open(file, os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
			for path, want := range map[string]fs.FileMode{filepath.Dir(file): c.folder, filepath.Join(state, "ledger"): c.folder, file: c.file} {
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				if want != 0 && info.Mode() != want {
					t.Errorf("%s is %s, want %s", path, info.Mode(), want)
				}
			}
		})
	}
}

func TestAFileIsNoFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if statefile.Folder(file, 0o750) == nil || statefile.Folder(filepath.Join(file, "in"), 0o750) == nil {
		t.Error("a folder was made of a file")
	}
}

func TestRoomIsAskedForBeforeAFolderIsMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	// Others write and remove meanwhile, but not half of what there is.
	about := int64(st.Bavail) * st.Frsize
	for _, path := range []string{dir, filepath.Join(dir, "a/b")} {
		if free, err := statefile.Free(path); err != nil || free < about/2 || free > about*2 {
			t.Errorf("%s: %d, %v, want about %d", path, free, err, about)
		}
	}
	if free, err := statefile.Free("/proc"); err != nil || free != 0 {
		t.Errorf("%d, %v, want none where nothing can be written", free, err)
	}
	if free, err := statefile.Free("a\x00b"); err == nil {
		t.Errorf("%d for what is no path", free)
	}
}
