package hostfile_test

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/hostfile"
)

// home is a folder with a root in it that does not exist yet.
func home(t *testing.T) (files hostfile.Files, root string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	root = filepath.Join(dir, "root")
	return hostfile.New(root), root
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func TestAFileIsMadeReplacedReadAndRemoved(t *testing.T) {
	t.Parallel()
	files, root := home(t)
	dir, name := filepath.Join(root, "a", "b"), filepath.Join(root, "a", "b", "config.yml")
	if b, err := files.Read(name); b != nil || err != nil {
		t.Fatalf("of no folder: %q, %v", b, err)
	}
	if err := files.Remove(name); err != nil {
		t.Fatal(err)
	}
	if made, err := files.MakeFolder(dir); !made || err != nil {
		t.Fatalf("made %v, %v", made, err)
	}
	if made, err := files.MakeFolder(dir); made || err != nil {
		t.Fatalf("again: made %v, %v", made, err)
	}
	if b, err := files.Read(name); b != nil || err != nil {
		t.Fatalf("of no file: %q, %v", b, err)
	}
	for _, content := range []string{"one", "", "three"} {
		check(t, files.Write(name, []byte(content)))
		if b, err := files.Read(name); b == nil || string(b) != content || err != nil {
			t.Errorf("read %q, %v; written %q", b, err, content)
		}
	}
	for path, mode := range map[string]fs.FileMode{root: 0o755, dir: 0o755, name: 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if there, free, err := files.Free(dir); !there || free <= 0 || err != nil {
		t.Errorf("free: %v, %d, %v", there, free, err)
	}
	if there, _, err := files.Free(dir + "x"); there || err != nil {
		t.Errorf("free of nothing: %v, %v", there, err)
	}
	check(t, files.Remove(name))
	check(t, files.Remove(name))
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

func TestOnlyWhatIsBelowARootIsTouched(t *testing.T) {
	t.Parallel()
	files, root := home(t)
	for _, name := range []string{
		filepath.Dir(root), root + "x/f", root + "/../f", root + "/a/../../f", root + "//f", "f", "", "/", "/etc/passwd",
	} {
		_, read := files.Read(name)
		_, made := files.MakeFolder(name)
		_, _, free := files.Free(name)
		for act, err := range map[string]error{
			"read": read, "make": made, "free": free, "write": files.Write(name, nil), "remove": files.Remove(name),
		} {
			if fault.ReasonOf(err) != fault.PathRefused {
				t.Errorf("%s %q: %v", act, name, err)
			}
		}
	}
	if err := files.Write(root, nil); fault.ReasonOf(err) != fault.PathRefused {
		t.Errorf("the root as a file: %v", err)
	}
	if _, err := hostfile.New(root + "/none/root").MakeFolder(root + "/none/root"); fault.ReasonOf(err) != fault.PathRefused {
		t.Errorf("above the root: %v", err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("something was made")
	}
}

// Each trick has a path that it lies in wait at, and a secret that must stay as it is.
func TestNothingButAPlainFileInPlainFoldersIsBelieved(t *testing.T) {
	t.Parallel()
	for name, trick := range map[string]func(t *testing.T, root, elsewhere string) (path string){
		"the file is a link": func(t *testing.T, root, elsewhere string) string {
			check(t, os.Symlink(elsewhere+"/secret", root+"/f"))
			return root + "/f"
		},
		"the file is a link to nothing": func(t *testing.T, root, elsewhere string) string {
			check(t, os.Symlink(elsewhere+"/none", root+"/f"))
			return root + "/f"
		},
		"the folder is a link": func(t *testing.T, root, elsewhere string) string {
			check(t, os.Symlink(elsewhere, root+"/d"))
			return root + "/d/secret"
		},
		"the folder is a link within the root": func(t *testing.T, root, _ string) string {
			check(t, os.Mkdir(root+"/real", 0o700))
			check(t, os.Symlink("real", root+"/d"))
			return root + "/d/f"
		},
		"the file is a folder": func(t *testing.T, root, _ string) string {
			check(t, os.Mkdir(root+"/f", 0o700))
			return root + "/f"
		},
		"the file is a named pipe": func(t *testing.T, root, _ string) string {
			check(t, unix.Mkfifo(root+"/f", 0o600))
			return root + "/f"
		},
		"the file is a socket": func(t *testing.T, root, _ string) string {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: root + "/f", Net: "unix"})
			check(t, err)
			t.Cleanup(func() { _ = l.Close() })
			return root + "/f"
		},
		"the folder is a file": func(t *testing.T, root, _ string) string {
			check(t, os.WriteFile(root+"/d", nil, 0o600))
			return root + "/d/f"
		},
		"the folder is a named pipe": func(t *testing.T, root, _ string) string {
			check(t, unix.Mkfifo(root+"/d", 0o600))
			return root + "/d/f"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, root := home(t)
			elsewhere := t.TempDir()
			check(t, os.Mkdir(root, 0o700))
			check(t, os.WriteFile(elsewhere+"/secret", []byte("secret"), 0o600))
			path := trick(t, root, elsewhere)
			done := make(chan struct{})
			go func() {
				defer close(done)
				b, read := files.Read(path)
				_, made := files.MakeFolder(filepath.Dir(path) + "/f/sub")
				for act, err := range map[string]error{"read": read, "write": files.Write(path, []byte("x")), "remove": files.Remove(path)} {
					if fault.ReasonOf(err) != fault.PathRefused {
						t.Errorf("%s: %q, %v", act, b, err)
					}
				}
				if !strings.Contains(name, "is a folder") && fault.ReasonOf(made) != fault.PathRefused {
					t.Errorf("make: %v", made)
				}
			}()
			select {
			case <-done:
			case <-time.After(2 * time.Minute):
				t.Fatal("an act waits for what is not a file")
			}
			if b, err := os.ReadFile(elsewhere + "/secret"); string(b) != "secret" || err != nil {
				t.Errorf("the secret: %q, %v", b, err)
			}
			if got := names(t, elsewhere); len(got) != 1 {
				t.Errorf("elsewhere: %q", got)
			}
			if _, err := os.Lstat(path); err != nil && !strings.Contains(name, "the folder") {
				t.Errorf("what was in the way is gone: %v", err)
			}
		})
	}
}

func TestAFileThatIsTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	files, root := home(t)
	check(t, os.Mkdir(root, 0o700))
	check(t, os.WriteFile(root+"/f", nil, 0o600))
	check(t, os.Truncate(root+"/f", 1<<20))
	if b, err := files.Read(root + "/f"); len(b) != 1<<20 || err != nil {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	check(t, os.Truncate(root+"/f", 1<<40))
	if _, err := files.Read(root + "/f"); fault.ReasonOf(err) != fault.PathRefused {
		t.Errorf("a terabyte: %v", err)
	}
}

// An account that can write by the other name need not be allowed to write here.
func TestAFileOfTwoNamesIsNotRead(t *testing.T) {
	t.Parallel()
	files, root := home(t)
	check(t, os.Mkdir(root, 0o700))
	check(t, os.WriteFile(root+"/f", []byte("x"), 0o600))
	check(t, os.Link(root+"/f", root+"/g"))
	if b, err := files.Read(root + "/f"); fault.ReasonOf(err) != fault.PathRefused || fault.HintOf(err) == "" {
		t.Errorf("%q, %v", b, err)
	}
	check(t, os.Remove(root+"/g"))
	if b, err := files.Read(root + "/f"); string(b) != "x" || err != nil {
		t.Errorf("with one name: %q, %v", b, err)
	}
}

// A file that was tried and put back has its old content and its old time of
// modification.
func TestAFileThatWasMovedBackSaysThatItChanged(t *testing.T) {
	t.Parallel()
	files, root := home(t)
	check(t, os.Mkdir(root, 0o700))
	check(t, files.Write(root+"/f", []byte("x")))
	_, before, err := files.Look(root + "/f")
	check(t, err)
	var st unix.Stat_t
	if check(t, unix.Stat(root+"/f", &st)); !before.Equal(time.Unix(st.Ctim.Unix())) {
		t.Errorf("changed at %v", before)
	}
	for tick := st.Ctim; st.Ctim == tick; { // the kernel's clock of files has ticks
		check(t, os.Rename(root+"/f", root+"/away"))
		check(t, os.Rename(root+"/away", root+"/f"))
		check(t, unix.Stat(root+"/f", &st))
	}
	if b, after, err := files.Look(root + "/f"); string(b) != "x" || !after.After(before) || err != nil {
		t.Errorf("%q, changed at %v and then %v, %v", b, before, after, err)
	}
}

// A lease holds up any program that opens the file, root's too.
func TestALeaseDoesNotHoldUpAReader(t *testing.T) {
	t.Parallel()
	files, root := home(t)
	check(t, os.Mkdir(root, 0o700))
	check(t, os.WriteFile(root+"/f", []byte("x"), 0o600))
	lease := func() *os.File {
		f, err := os.OpenFile(root+"/f", os.O_RDWR, 0)
		check(t, err)
		t.Cleanup(func() { _ = f.Close() })
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
			t.Skipf("no leases here: %v", err)
		}
		return f
	}
	// The kernel takes a lease away from its holder when it has let a caller wait.
	f := lease()
	check(t, files.Write(root+"/f", []byte("y")))
	if held, err := unix.FcntlInt(f.Fd(), unix.F_GETLEASE, 0); held != unix.F_WRLCK {
		t.Errorf("the write waited for the lease: %d, %v", held, err)
	}
	lease()
	if b, err := files.Read(root + "/f"); err == nil {
		t.Errorf("%q was read: the reader waited for the lease", b)
	}
}

func TestLeftoversOfKilledWritesAreSweptAndNothingElse(t *testing.T) {
	t.Parallel()
	files, root := home(t)
	check(t, os.Mkdir(root, 0o700))
	const random = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	stay := []string{".f.short.unidesk-tmp", ".g." + random + ".unidesk-tmp", "f." + random + ".unidesk-tmp", ".f." + random + ".unidesk-tmp.bak"}
	for _, name := range append(stay, ".f."+random+".unidesk-tmp") {
		check(t, os.WriteFile(filepath.Join(root, name), []byte("half"), 0o600))
	}
	check(t, os.Mkdir(root+"/.f.Z"+random[1:]+".unidesk-tmp", 0o700))
	check(t, files.Write(root+"/f", []byte("whole")))
	if got := names(t, root); len(got) != len(stay)+2 {
		t.Errorf("left: %q", got)
	}
	if _, err := os.Lstat(root + "/.f." + random + ".unidesk-tmp"); err == nil {
		t.Error("half a file is left")
	}
}

// A folder swapped for a link, over and over, is a home's owner at work.
func TestAFolderThatIsSwappedForALinkLeadsNowhere(t *testing.T) {
	t.Parallel()
	files, root := home(t)
	elsewhere := t.TempDir()
	check(t, os.Mkdir(root, 0o700))
	check(t, os.Mkdir(root+"/real", 0o700))
	check(t, os.Symlink(elsewhere, root+"/link"))
	check(t, os.WriteFile(elsewhere+"/f", []byte("secret"), 0o600))
	check(t, os.Rename(root+"/real", root+"/d"))
	stop := make(chan struct{})
	var swaps atomic.Int64
	var owner sync.WaitGroup
	owner.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = unix.Renameat2(unix.AT_FDCWD, root+"/d", unix.AT_FDCWD, root+"/link", unix.RENAME_EXCHANGE)
			swaps.Add(1)
		}
	})
	const rounds = 5000
	var worked, refused int
	for round, end := 0, time.Now().Add(3*time.Minute); round < rounds || worked == 0 || refused == 0; round++ {
		if time.Now().After(end) {
			t.Errorf("in %d rounds %d acts worked, %d were refused", round, worked, refused)
			break
		}
		b, err := files.Read(root + "/d/f")
		if bytes.Equal(b, []byte("secret")) {
			t.Fatal("read through a link")
		}
		for _, err := range []error{err, files.Write(root+"/d/f", []byte("ours")), files.Remove(root + "/d/f")} {
			switch {
			case err == nil:
				worked++
			case fault.ReasonOf(err) == fault.PathRefused:
				refused++
			default:
				t.Errorf("%v", err)
			}
		}
		if _, err := files.MakeFolder(root + "/d/sub"); err != nil && fault.ReasonOf(err) != fault.PathRefused {
			t.Errorf("make: %v", err)
		}
	}
	close(stop)
	owner.Wait()
	t.Logf("%d swaps; %d acts worked, %d were refused", swaps.Load(), worked, refused)
	if b, err := os.ReadFile(elsewhere + "/f"); string(b) != "secret" || err != nil {
		t.Errorf("the secret: %q, %v", b, err)
	}
	if got := names(t, elsewhere); len(got) != 1 {
		t.Errorf("elsewhere: %q", got)
	}
}

func TestRootGivesWhatItMakesToTheFoldersOwner(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root to be somebody else too")
	}
	files, root := home(t)
	check(t, os.Chown(filepath.Dir(root), 65534, 12345))
	_, err := files.MakeFolder(root + "/a/b")
	check(t, err)
	check(t, files.Write(root+"/a/b/f", []byte("x")))
	check(t, files.Write(root+"/a/b/f", []byte("y")))
	for _, path := range []string{root, root + "/a", root + "/a/b", root + "/a/b/f"} {
		info, err := os.Lstat(path)
		check(t, err)
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 65534 || st.Gid != 12345 {
			t.Errorf("%s is %d:%d", path, st.Uid, st.Gid)
		}
	}
}

// A cut between the making of a folder and its giving away.
func TestAFolderThatWasHalfMadeIsFinished(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root to be somebody else too")
	}
	for name, c := range map[string]struct {
		mode fs.FileMode
		uid  int // of the folder
		in   int // of the folder that it is in
		full bool
		want bool
	}{
		"half made":                      {0o700, 0, 65534, false, true},
		"one that root opened to others": {0o755, 0, 65534, false, false},
		"one that holds something":       {0o700, 0, 65534, true, false},
		"one of the folder's owner":      {0o700, 65534, 65534, false, false},
		"root's own in root's own":       {0o700, 0, 0, false, false},
	} {
		files, root := home(t)
		dir := root + "/a"
		check(t, os.Mkdir(root, 0o755))
		check(t, os.Chown(root, c.in, c.in))
		check(t, os.Mkdir(dir, 0o700))
		check(t, os.Chmod(dir, c.mode))
		check(t, os.Chown(dir, c.uid, c.uid))
		if c.full {
			check(t, os.WriteFile(dir+"/x", nil, 0o600))
		}
		if made, err := files.MakeFolder(dir); made != c.want || err != nil {
			t.Errorf("%s: made %v, %v", name, made, err)
		}
		info, err := os.Stat(dir)
		check(t, err)
		mode, uid := c.mode, c.uid
		if c.want {
			mode, uid = 0o755, c.in
		}
		if got := int(info.Sys().(*syscall.Stat_t).Uid); got != uid || info.Mode().Perm() != mode {
			t.Errorf("%s: it is %d's, %v", name, got, info.Mode())
		}
	}
}

func TestAFullDiskLeavesTheOldContent(t *testing.T) {
	t.Parallel()
	files, root := home(t)
	check(t, os.Mkdir(root, 0o700))
	done := make(chan error, 1)
	go func() {
		var cannot error
		defer func() { done <- cannot }()
		// A mount that this thread alone sees, and that ends with it: it is never unlocked.
		runtime.LockOSThread()
		if cannot = unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); cannot != nil {
			return
		}
		if cannot = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); cannot != nil {
			return
		}
		if cannot = unix.Mount("tmpfs", root, "tmpfs", 0, "size=64k"); cannot != nil {
			return
		}
		for name, content := range map[string][]byte{"an old file": []byte("old"), "a new file": nil} {
			path := root + "/" + strings.ReplaceAll(name, " ", "-")
			if content != nil {
				if err := files.Write(path, content); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			err := files.Write(path, make([]byte, 512<<10))
			if fault.ReasonOf(err) != fault.DiskFull || !strings.Contains(fault.HintOf(err), "df") {
				t.Errorf("%s: %v", name, err)
			}
			if b, err := files.Read(path); !bytes.Equal(b, content) || err != nil {
				t.Errorf("%s: %q, %v", name, b, err)
			}
		}
		if entries, err := os.ReadDir(root); err != nil || len(entries) != 1 {
			t.Errorf("left: %v, %v", entries, err)
		}
	}()
	if err := <-done; err != nil {
		t.Skipf("needs root and a mount: %v", err)
	}
}
