package statefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// Everything between the top and the file can change what is read there.
func TestAFileThatIsObeyedIsGuardedUpToTheTop(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files away")
	}
	trusts := func(uid int) bool { return uid == first }
	for name, c := range map[string]struct {
		spoil func(top, link, folder, file string) error
		want  string // in the error and the hint; "" for guarded
	}{
		"all is root's":   {func(_, _, _, _ string) error { return nil }, ""},
		"it is not there": {func(_, _, _, file string) error { return os.Remove(file) }, ""},
		"a trusted account's": {func(_, _, folder, file string) error {
			return errors.Join(os.Chown(folder, first, 0), os.Chown(file, first, 0))
		}, ""},
		"its own group's, of root alone":  {func(_, _, folder, _ string) error { return os.Chmod(folder, 0o775) }, ""},
		"the file is another account's":   {func(_, _, _, file string) error { return os.Chown(file, second, 0) }, "chown root FOLDER/file"},
		"the folder is another account's": {func(_, _, folder, _ string) error { return os.Chown(folder, second, 0) }, "chown root FOLDER"},
		"the link is another account's":   {func(_, link, _, _ string) error { return os.Lchown(link, second, 0) }, "chown -h root LINK"},
		"a folder above":                  {func(top, _, _, _ string) error { return os.Chown(top, second, 0) }, "chown root TOP"},
		"everybody may write the file":    {func(_, _, _, file string) error { return os.Chmod(file, 0o646) }, "chmod go-w FOLDER/file"},
		"everybody may write the folder":  {func(_, _, folder, _ string) error { return os.Chmod(folder, 0o757) }, "chmod go-w FOLDER"},
		"everybody may write above":       {func(top, _, _, _ string) error { return os.Chmod(top, 0o757) }, "chmod go-w TOP"},
		"a sticky folder above":           {func(top, _, _, _ string) error { return os.Chmod(top, 0o777|fs.ModeSticky) }, ""},
		"a group that nobody knows": {func(_, _, _, file string) error {
			return errors.Join(os.Chown(file, 0, group), os.Chmod(file, 0o664))
		}, "chmod g-w FOLDER/file"},
		"a missing file in a folder of another account": {func(_, _, folder, file string) error {
			return errors.Join(os.Remove(file), os.Chown(folder, second, 0))
		}, "chown root FOLDER"},
		"an access list": {func(_, _, _, file string) error {
			// user::rw-, user:64003:rw-, group::r--, mask::rw-, other::r--
			acl := "\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x06\x00\x03\xfa\x00\x00" +
				"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x06\x00\xff\xff\xff\xff" + "\x20\x00\x04\x00\xff\xff\xff\xff"
			return unix.Setxattr(file, "system.posix_acl_access", []byte(acl), 0)
		}, "chmod g-w FOLDER/file"},
	} {
		t.Run(name, func(t *testing.T) {
			top := filepath.Join(t.TempDir(), "top")
			folder, link := filepath.Join(top, "folder"), filepath.Join(t.TempDir(), "link")
			file := filepath.Join(folder, "file")
			relative, err := filepath.Rel(filepath.Dir(link), folder)
			must(t, err, os.MkdirAll(folder, 0o755), os.WriteFile(file, nil, 0o644), os.Symlink(relative, link))
			if err := c.spoil(top, link, folder, file); errors.Is(err, unix.EOPNOTSUPP) {
				t.Skip("the filesystem has no access lists")
			} else if err != nil {
				t.Fatal(err)
			}
			err = statefile.Guarded(statefile.Trust{Account: trusts}, filepath.Join(link, "file"))
			want := strings.NewReplacer("FOLDER", folder, "LINK", link, "TOP", top).Replace(c.want)
			switch {
			case want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case want != "" && (fault.ReasonOf(err) != fault.PathRefused || !strings.HasSuffix(fault.HintOf(err), want)):
				t.Errorf("%v (%s; %q), want a refusal with %s", err, fault.ReasonOf(err), fault.HintOf(err), want)
			}
		})
	}
}

func TestAnAccountsOwnFilesAreGuarded(t *testing.T) {
	dir := newState(t, 0o755)
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600), os.Chown(file, first, first))
	must(t, statefile.Guarded(statefile.Trust{Account: func(uid int) bool { return uid == first }}, file))
	for by, want := range map[string]string{"": "look at it; if it is right, as root: chown root " + file, "ask root": "is to be as good as root, ask root; else, as root: chown root " + file} {
		if err := statefile.Guarded(statefile.Trust{By: by}, file); !strings.HasSuffix(fault.HintOf(err), want) {
			t.Errorf("by %q the hint is %s", by, fault.HintOf(err))
		}
	}
	if err := statefile.Guarded(statefile.Trust{}, file); fault.ReasonOf(err) != fault.PathRefused || !strings.Contains(err.Error(), "uid 64002") {
		t.Errorf("another account's: %v", err)
	}
}

func TestALinkToItselfHasAnEnd(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(link, link))
	if err := statefile.Guarded(statefile.Trust{}, link); !errors.Is(err, unix.ELOOP) {
		t.Errorf("got %v", err)
	}
}
