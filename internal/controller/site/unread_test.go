package site

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The first configuration is a line to type where the package's example is.
func TestWithoutAConfigurationTheExampleIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, example := filepath.Join(dir, "etc", "controller.yaml"), filepath.Join(dir, "example.yaml")
	if got := unread(fs.ErrNotExist, path, example); !strings.Contains(got, "docs/configuration.md") || strings.Contains(got, example) {
		t.Errorf("without a package: %s", got)
	}
	if err := os.WriteFile(example, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := unread(fs.ErrNotExist, path, example); !strings.Contains(got, "`install -Dm644 "+example+" "+path+"`") {
		t.Errorf("with the package: %s", got)
	}
	if got := unread(fs.ErrNotExist, "/etc/unidesk/controller.yaml", example); !strings.HasPrefix(got, "as root: `install ") {
		t.Errorf("for a folder that is root's: %s", got)
	}
	if got := unread(fs.ErrPermission, path, example); !strings.Contains(got, "`ls -ld ") || strings.Contains(got, "install") {
		t.Errorf("for a file that may not be read: %s", got)
	}
}
