package tunnel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestARoomIsPrivateAndGoesWithItsOwner(t *testing.T) {
	parent := shortDir(t)
	t.Setenv("XDG_RUNTIME_DIR", parent)
	r, err := newRoom()
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(r.dir) != parent {
		t.Errorf("it is %s", r.dir)
	}
	if info, err := os.Stat(r.dir); err != nil || info.Mode().Perm() != 0o700 || len(r.socket()) > maxSocket {
		t.Errorf("%v, %v, %s", info, err, r.socket())
	}
	r.close()
	r.close()
	if left, _ := os.ReadDir(parent); len(left) != 0 || !r.closed() {
		t.Errorf("left: %v", left)
	}
}

// A killed process leaves its room; the kernel has freed its lock.
func TestTheRoomsOfKilledProcessesAreRemoved(t *testing.T) {
	parent := shortDir(t)
	t.Setenv("XDG_RUNTIME_DIR", parent)
	living, err := newRoom()
	if err != nil {
		t.Fatal(err)
	}
	defer living.close()
	killed := filepath.Join(parent, roomPrefix+"1")
	if err := os.MkdirAll(killed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed, socketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(parent, "other-1")
	elsewhere := t.TempDir()
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(parent, roomPrefix+"2")); err != nil {
		t.Fatal(err)
	}
	second, err := newRoom()
	if err != nil {
		t.Fatal(err)
	}
	defer second.close()
	if _, err := os.Stat(killed); err == nil {
		t.Error("the killed process's is there")
	}
	for _, dir := range []string{living.dir, second.dir, other, elsewhere} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestAFolderThatIsNotFitHoldsNoRoom(t *testing.T) {
	t.Parallel()
	parent := shortDir(t)
	open := filepath.Join(parent, "open")
	sticky := filepath.Join(parent, "sticky")
	file := filepath.Join(parent, "file")
	for dir, mode := range map[string]os.FileMode{open: 0o777, sticky: 0o777 | os.ModeSticky} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(parent, strings.Repeat("x", maxSocket))
	tilde := filepath.Join(parent, "~%h")
	for _, dir := range []string{long, tilde} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"", "relative", open, file, long, tilde, filepath.Join(parent, "absent")} {
		if fit(dir) {
			t.Errorf("%q is taken", dir)
		}
	}
	for _, dir := range []string{parent, sticky} {
		if !fit(dir) {
			t.Errorf("%q is not taken", dir)
		}
	}
}

// shortDir is a folder whose path leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "tt") //nolint:usetesting // a socket has a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
