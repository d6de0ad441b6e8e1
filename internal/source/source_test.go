package source_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/source"
)

const wiki = "https://example.com/wiki"

// repository is a remote, and a developer's working tree.
type repository struct{ remote, work string }

func newRepository(t *testing.T) repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("SKIPPED, there is no git: apt-get install git")
	}
	dir := t.TempDir()
	r := repository{filepath.Join(dir, "remote.git"), filepath.Join(dir, "work")}
	git(t, "init", "--quiet", "--bare", "--initial-branch=master", r.remote)
	git(t, "init", "--quiet", "--initial-branch=master", r.work)
	return r
}

func git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit makes a commit, with a file of its own, and pushes it by the refspec; ""
// pushes nothing.
func (r repository) commit(t *testing.T, message, push string) artifact.Commit {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.work, "file"), []byte(message), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, "-C", r.work, "add", "file")
	git(t, "-C", r.work, "commit", "--quiet", "--message", message)
	if push != "" {
		git(t, "-C", r.work, "push", "--quiet", r.remote, push)
	}
	c, err := artifact.ParseCommit(git(t, "-C", r.work, "rev-parse", "HEAD"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asks is a process's view of the remote; the state folder is every process's.
func asks(t *testing.T, state, url string) *source.Remotes {
	t.Helper()
	remote, err := source.ParseRemote(url)
	if err != nil {
		t.Fatal(err)
	}
	return source.New(filepath.Join(state, "sources"), map[string]source.Remote{wiki + ".git": remote}, 20*time.Second)
}

func look(t *testing.T, r *source.Remotes, c artifact.Commit, status provenance.Status, detail string) {
	t.Helper()
	v, configured := r.Look(t.Context(), wiki, c)
	if !configured || v.Status != status || !strings.Contains(v.Detail, detail) {
		t.Errorf("%s: %v, %+v; want %s, %q", c.Short(), configured, v, status, detail)
	}
}

func TestACommitIsLookedForOnTheBranchesOfItsRemote(t *testing.T) {
	t.Parallel()
	for name, filter := range map[string]string{"a remote that leaves files out": "true", "one that cannot": "false"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, state := newRepository(t), t.TempDir()
			git(t, "-C", r.remote, "config", "uploadpack.allowFilter", filter)
			first := r.commit(t, "first", "master")
			second := r.commit(t, "second", "master")
			feature := r.commit(t, "feature", "HEAD:refs/heads/team/feature")
			tagged := r.commit(t, "tagged", "HEAD:refs/tags/v1")
			hidden := r.commit(t, "never pushed", "")

			remotes := asks(t, state, "file://"+r.remote)
			look(t, remotes, second, provenance.Verified, "is on branch master of the source's remote (asked 20")
			look(t, remotes, first, provenance.Verified, "is on branch master")
			look(t, remotes, feature, provenance.Verified, "is on branch team/feature")
			look(t, remotes, tagged, provenance.Unverified, "no branch of the source's remote has the commit (asked 20")
			look(t, remotes, hidden, provenance.Unverified, "no branch")
			if v, _ := remotes.Look(t.Context(), wiki, hidden); v.Retry || v.Fix != "" {
				t.Errorf("a remote that answered: %+v", v)
			}
			if v, configured := remotes.Look(t.Context(), wiki+"-fork", first); configured {
				t.Errorf("another source: %+v", v)
			}
			copies, err := filepath.Glob(filepath.Join(state, "sources", "*.git"))
			if err != nil || len(copies) != 1 {
				t.Fatalf("%v, %v", copies, err)
			}
			objects := git(t, "-C", copies[0], "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
			if light := !strings.Contains(objects, "blob") && !strings.Contains(objects, "tree"); light != (filter == "true") {
				t.Errorf("the copy holds %q", objects)
			}
		})
	}
}

func TestAReaderLeavesTheCopiesAsTheyAre(t *testing.T) {
	scratch := t.TempDir()
	t.Setenv("TMPDIR", scratch)
	r, state := newRepository(t), t.TempDir()
	first := r.commit(t, "first", "master")
	reader := asks(t, state, r.remote)
	reader.Reading()
	look(t, reader, first, provenance.Verified, "master")
	if made, err := os.ReadDir(state); err != nil || len(made) > 0 {
		t.Errorf("a reader without a copy made %v (%v)", made, err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}

	look(t, asks(t, state, r.remote), first, provenance.Verified, "master")
	second, third := r.commit(t, "second", "master"), r.commit(t, "third", "master")
	before := tree(t, state)
	reader = asks(t, state, r.remote)
	reader.Reading()
	for _, c := range []artifact.Commit{first, second, third} {
		look(t, reader, c, provenance.Verified, "master")
	}
	if after := tree(t, state); after != before {
		t.Errorf("the copies are\n%s\nand were\n%s", after, before)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("a reader left %v (%v)", left, err)
	}
}

// tree is all that is in a folder, with modes, sizes and times.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			_, err = fmt.Fprintln(&all, path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestWhatIsKnownIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	r, state := newRepository(t), t.TempDir()
	first := r.commit(t, "first", "master")
	look(t, asks(t, state, r.remote), first, provenance.Verified, "master")
	second := r.commit(t, "second", "master")

	away := r.remote + ".away"
	if err := os.Rename(r.remote, away); err != nil {
		t.Fatal(err)
	}
	down := asks(t, state, r.remote)
	look(t, down, first, provenance.Verified, "master")
	look(t, down, second, provenance.Unverified, "could not be asked: git fetch: exit status 128: fatal: ")
	if v, _ := down.Look(t.Context(), wiki, second); !v.Retry || !strings.Contains(v.Fix, "git ls-remote") {
		t.Errorf("a remote that is away: %+v", v)
	}
	if err := os.Rename(away, r.remote); err != nil {
		t.Fatal(err)
	}
	look(t, down, second, provenance.Unverified, "could not be asked") // once in the life of a Remotes
	look(t, asks(t, state, r.remote), second, provenance.Verified, "master")
}

// A commit that is taken off its branch counts until the remote is asked again.
func TestACommitThatWasTakenOffItsBranchIsEvidenceNoMore(t *testing.T) {
	t.Parallel()
	r, state := newRepository(t), t.TempDir()
	kept := r.commit(t, "kept", "master")
	rewritten := r.commit(t, "rewritten", "master")
	look(t, asks(t, state, r.remote), rewritten, provenance.Verified, "master")
	git(t, "-C", r.work, "reset", "--quiet", "--hard", kept.String())
	instead := r.commit(t, "instead", "+master")
	look(t, asks(t, state, r.remote), rewritten, provenance.Verified, "master")
	look(t, asks(t, state, r.remote), instead, provenance.Verified, "master")
	look(t, asks(t, state, r.remote), rewritten, provenance.Unverified, "no branch")
	look(t, asks(t, state, r.remote), kept, provenance.Verified, "master")

	git(t, "-C", r.remote, "update-ref", "-d", "refs/heads/master")
	look(t, asks(t, state, r.remote), r.commit(t, "to ask again", ""), provenance.Unverified, "no branch")
	look(t, asks(t, state, r.remote), kept, provenance.Unverified, "no branch")
}

// A remote that takes connections and sends nothing is not waited for.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	commit := r.commit(t, "first", "")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	remote, err := source.ParseRemote("https://" + silent.Addr().String() + "/wiki")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]source.Remote{wiki: remote}
	look(t, source.New(t.TempDir(), all, time.Second), commit, provenance.Unverified, "no answer within 1s")
	if _, err := remote.Answers(t.Context(), time.Second); err == nil || err.Error() != "no answer within 1s" {
		t.Errorf("the doctor's question: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	remotes := source.New(t.TempDir(), all, time.Second)
	if v, _ := remotes.Look(ctx, wiki, commit); v.Status != provenance.Unverified || !strings.Contains(v.Detail, context.Canceled.Error()) {
		t.Errorf("%+v", v)
	}
	look(t, remotes, commit, provenance.Unverified, "no answer within 1s") // and that was no answer
}

func TestManyMayAskAtOnce(t *testing.T) {
	t.Parallel()
	r, state := newRepository(t), t.TempDir()
	first := r.commit(t, "first", "master")
	var all sync.WaitGroup
	for range 8 {
		remotes := asks(t, state, "file://"+r.remote)
		all.Go(func() {
			if v, _ := remotes.Look(t.Context(), wiki, first); v.Status != provenance.Verified {
				t.Errorf("%+v", v)
			}
		})
	}
	all.Wait()
}

// Git runs programs that a repository's configuration names, and believes its branches. An
// account of the state folder's group has root do neither.
func TestACopyThatAnotherAccountMayWriteIsNotUsed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be another account")
	}
	const group, member = 64001, 64002
	for name, mode := range map[string]fs.FileMode{
		"the group may take away what is in the folder": fs.ModeSetgid | 0o770,
		"each account may take away its own":            fs.ModeSetgid | fs.ModeSticky | 0o770,
	} {
		t.Run(name, func(t *testing.T) {
			r, state, canary := newRepository(t), t.TempDir(), filepath.Join(t.TempDir(), "canary")
			if err := errors.Join(os.Chmod(filepath.Dir(state), 0o755), os.Chown(state, 0, group), os.Chmod(state, mode)); err != nil {
				t.Fatal(err)
			}
			as := func(script string) {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: member, Gid: group}}
				out, _ := cmd.CombinedOutput() // most of it is refused
				t.Logf("%s", out)
			}
			look(t, asks(t, state, r.remote), r.commit(t, "first", "master"), provenance.Verified, "master")
			as(`for config in ` + state + `/sources/*.git/config; do
				printf '[remote "origin"]\nuploadpack = touch ` + canary + `; git-upload-pack\n[core]\nsshCommand = touch ` + canary + `\n' >>"$config"; done
				mv ` + state + `/sources ` + state + `/mine && cp -r ` + state + `/mine ` + state + `/sources`)
			unpushed := r.commit(t, "second", "")
			as(`for copy in ` + state + `/sources/*.git; do echo ` + unpushed.String() + ` >"$copy/refs/heads/planted"; done`)
			look(t, asks(t, state, r.remote), unpushed, provenance.Unverified, "no branch")
			look(t, asks(t, state, r.remote), r.commit(t, "third", "master"), provenance.Verified, "master")
			if _, err := os.Stat(canary); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("root ran what another account wrote (%v)", err)
			}
		})
	}
}

// A folder that a killed process left half made is made whole.
func TestAHalfMadeCopyIsMadeWhole(t *testing.T) {
	t.Parallel()
	r, state := newRepository(t), t.TempDir()
	first := r.commit(t, "first", "master")
	look(t, asks(t, state, r.remote), first, provenance.Verified, "master")
	locks, err := filepath.Glob(filepath.Join(state, "sources", "*.lock"))
	if err != nil || len(locks) != 1 {
		t.Fatalf("%v, %v", locks, err)
	}
	copied := strings.TrimSuffix(locks[0], ".lock") + ".git"
	if err := errors.Join(os.Truncate(locks[0], 0), os.RemoveAll(copied), os.MkdirAll(filepath.Join(copied, "refs"), 0o750)); err != nil {
		t.Fatal(err)
	}
	look(t, asks(t, state, r.remote), first, provenance.Verified, "master")
	if err := os.RemoveAll(copied); err != nil { // by an account that may
		t.Fatal(err)
	}
	look(t, asks(t, state, r.remote), first, provenance.Verified, "master")
}

// Git that is killed leaves its locks, and every later git stops at them.
func TestTheLocksOfAKilledGitAreTakenAway(t *testing.T) {
	t.Parallel()
	r, state := newRepository(t), t.TempDir()
	look(t, asks(t, state, r.remote), r.commit(t, "first", "master"), provenance.Verified, "master")
	copies, err := filepath.Glob(filepath.Join(state, "sources", "*.git"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("%v, %v", copies, err)
	}
	for _, name := range []string{"config.lock", "HEAD.lock", "packed-refs.lock", "refs/heads/master.lock"} {
		if err := os.WriteFile(filepath.Join(copies[0], name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		look(t, asks(t, state, r.remote), r.commit(t, name, "master"), provenance.Verified, "master")
	}
	// What cannot be taken away is named, ahead of git's advice about it.
	inTheWay := filepath.Join(copies[0], "refs/heads/master.lock")
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	look(t, asks(t, state, r.remote), r.commit(t, "last", "master"), provenance.Unverified, "'"+inTheWay+"'")
}
