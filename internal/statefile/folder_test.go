package statefile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

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
