package statefile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// plants are what a member of the group puts at a path that root opens, or makes.
func plants() map[string]string {
	return map[string]string{
		"a link to a file":    `ln -s "$CANARY/secret" "$AT"`,
		"a link to a folder":  `ln -s "$CANARY" "$AT"`,
		"a link to nothing":   `ln -s "$CANARY/new" "$AT"`,
		"a second name":       `ln "$CANARY/secret" "$AT"`,
		"a pipe":              `mkfifo "$AT"`,
		"a device":            `mknod "$AT" c 1 3`,
		"a folder":            `mkdir "$AT"`,
		"a file of its own":   `echo '{"id":"../../../x"}' >"$AT"; chmod 666 "$AT"`,
		"root's private file": `mv "$STATE"/changes/*.secret "$AT"`,
	}
}

// Root does to the state folder all that a deploy, a revert, a recovery and the watch do,
// with each path in it replaced by each of the plants. It may refuse; what is outside the
// folder stays as it is, and no private file of root's becomes the group's.
func TestNothingOutsideTheStateFolderIsTouched(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another account")
	}
	a := attack{spec: workloadtest.SampleSpec("fake"), images: workloadtest.FakeImages(t, 2)}
	reference := newState(t, fs.ModeSetgid|0o770)
	if err := a.act(t, reference, "one"); err != nil {
		t.Fatalf("without an attack: %v", err)
	}
	var paths []string
	err := filepath.WalkDir(reference, func(path string, _ fs.DirEntry, err error) error {
		if path != reference {
			paths = append(paths, strings.TrimPrefix(path, reference))
		}
		return err
	})
	for _, part := range []string{"/changes/", "/ledger/prod/web/", "/grants/", "/spool/", "/runs/prod/web/", "/watch.lock"} {
		if err != nil || !slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, part) }) {
			t.Fatalf("the reference has no %s: %q (%v)", part, paths, err)
		}
	}
	for what, plant := range plants() {
		for _, path := range paths {
			for _, before := range []bool{true, false} {
				name := fmt.Sprintf("%s at %s, before root was there: %v", what, path, before)
				state := newState(t, fs.ModeSetgid|0o770)
				canary := canaryIn(t)
				if !before {
					if err := a.act(t, state, "one"); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
				must(t, os.MkdirAll(filepath.Join(state, "changes"), 0o770), os.Chown(filepath.Join(state, "changes"), 0, group), os.Chmod(filepath.Join(state, "changes"), fs.ModeSetgid|0o770))
				private := filepath.Join(state, "changes", "root.secret")
				must(t, os.WriteFile(private, []byte("root's"), 0o600))
				was := look(t, canary)
				member(t, `AT=$STATE`+path+`; mkdir -p "$(dirname "$AT")"; [ ! -e "$AT" ] || mv "$AT" "$STATE/away"; `+plant, "STATE="+state, "CANARY="+canary)
				// A pipe that is waited for ends this test by its time.
				first := a.act(t, state, "two")
				if first == nil {
					_ = a.act(t, state, "three")
				}
				if now := look(t, canary); now != was {
					t.Errorf("%s (%v): the outside is\n%s\nand was\n%s", name, first, now, was)
				}
				_ = filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
					if err != nil || !d.Type().IsRegular() {
						return nil //nolint:nilerr // what cannot be read is not given away
					}
					content, _ := os.ReadFile(path)
					if info, err := d.Info(); err == nil && string(content) == "root's" && info.Mode().Perm()&0o077 != 0 {
						t.Errorf("%s: root's private file has mode %s", name, info.Mode())
					}
					return nil
				})
			}
		}
	}
}

type attack struct {
	spec   workload.Spec
	images []artifact.Image
}

// act is all that root does, to the end; the error is the first.
func (a attack) act(t *testing.T, state, id string) error {
	t.Helper()
	host := confirmtest.New(a.spec, nil)
	img := a.images[0]
	if err := confirm.New(host, t.TempDir()).Stage(t.Context(), a.spec.Ref, img.Pinned, ignore); err != nil {
		t.Fatal(err)
	}
	watch := func() error {
		if err := statefile.Folder(state, 0o750); err != nil {
			return err
		}
		lock, err := statefile.OpenLock(filepath.Join(state, "watch.lock"), 0o640)
		if err != nil {
			return err
		}
		return lock.Unlock()
	}
	books := ledger.Open(filepath.Join(state, "ledger"))
	service, err := artifact.ParseServiceID("web")
	if err != nil {
		t.Fatal(err)
	}
	prepared := ledger.Receipt{ID: id + "-prepared", Env: artifact.Prod, Service: service, Commit: img.Commit}
	_, unsettled := confirm.Unsettled(filepath.Join(state, "changes"))
	_, pending := books.Pending()
	_, history := books.History(artifact.Prod, "web")
	_ = books.Killed()
	errs := []error{watch(), journaled(state, id, service), unsettled, pending, history, books.Prepare(prepared), deploy(t, state, host, a.spec, id, img), settle(t, state, host, a.spec, id, workload.Revert)}
	return errors.Join(errs...)
}

// journaled writes and reads the journal of a run, after that of the first run, which may be
// there.
func journaled(state, id string, service artifact.ServiceID) (err error) {
	runs := journal.Open(filepath.Join(state, "runs"))
	numbers := map[string][]int{"one": {1}, "two": {1, 2}, "three": {1, 3}}
	for _, n := range numbers[id] {
		err = nil
		w := runs.Writer(func(e error) { err = e })
		line := journal.Line{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Run: fmt.Sprintf("20260101T000000Z-%08x", n), Service: service, Env: artifact.Prod}
		w.Append(line)
		line.End = &journal.End{Outcome: "succeeded"}
		w.Append(line)
		w.Close()
	}
	_, unread := runs.Runs(journal.Query{})
	return errors.Join(err, unread)
}

// canaryIn is a folder of root's outside, with files for root alone and for all to read.
func canaryIn(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "secret"), []byte("canary"), 0o600))
	return dir
}

// look is all that is in a folder, with owners, modes and contents.
func look(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content, _ := os.ReadFile(path)
		st := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&all, "%s %s %d:%d %q\n", strings.TrimPrefix(path, dir), info.Mode(), st.Uid, st.Gid, content)
		return nil
	})
	must(t, err)
	return all.String()
}

// member runs a script as an account of the group. Much of it is refused.
func member(t *testing.T, script string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: first, Gid: group}}
	_ = cmd.Run()
}
