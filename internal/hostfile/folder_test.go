package hostfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// What a home's owner can put in place of a folder that root has just made: another
// account's folder, so that root gives it to the owner.
func TestAFolderThatIsNotTheOneJustMadeIsNotGivenAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct {
		mode  os.FileMode
		holds bool
		ok    bool
	}{"the one just made": {0o700, false, true}, "one of another mode": {0o755, false, false}, "one with something in it": {0o700, true, false}} {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if c.holds {
			if err := os.WriteFile(path+"/x", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := fresh(f); (err == nil) != c.ok || err != nil && fault.ReasonOf(err) != fault.PathRefused {
			t.Errorf("%s: %v", name, err)
		}
		_ = f.Close()
	}
}

func TestTheSystemsErrorsHaveTheirReasons(t *testing.T) {
	t.Parallel()
	for errno, want := range map[unix.Errno]fault.Reason{
		unix.ENOSPC: fault.DiskFull, unix.EDQUOT: fault.DiskFull, unix.EROFS: fault.PathRefused, unix.EACCES: fault.PathRefused,
		unix.EISDIR: fault.PathRefused, unix.EIO: fault.Internal,
	} {
		if err := told("/a/f", "write", &os.PathError{Op: "write", Path: "/secret", Err: errno}); fault.ReasonOf(err) != want {
			t.Errorf("%v: %v", errno, err)
		}
	}
}

// systemd does not start a unit whose ReadWritePaths= is missing.
func TestTheHintOfAReadOnlyPathNamesAFolderThatIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		dir: dir, file: dir, filepath.Join(dir, "new"): dir, filepath.Join(dir, "reg", "conf", "config.yml"): dir,
		"/unidesk-is-not-here/reg/conf": "/unidesk-is-not-here",
	} {
		hint := fault.HintOf(told(name, "make folder", unix.EROFS))
		if !strings.Contains(hint, "ReadWritePaths="+want+", ") || !strings.Contains(hint, "systemctl restart unidesk-agent") {
			t.Errorf("%s: %q, want the folder %s", name, hint, want)
		}
		if byHand := strings.HasPrefix(hint, "as root: make the folder "+want+" by hand"); byHand != strings.HasPrefix(want, "/unidesk-") {
			t.Errorf("%s: %q", name, hint)
		}
	}
}
