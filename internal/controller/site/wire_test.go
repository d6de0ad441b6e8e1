package site

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
)

func TestOnlyWhatActsKeepsACopyOfARemote(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("SKIPPED, there is no git: apt-get install git")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	git := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		return strings.TrimSpace(string(must(cmd.Output())))
	}
	remote := filepath.Join(dir, "remote")
	git("init", "--quiet", "--initial-branch=master", remote)
	git("-C", remote, "commit", "--quiet", "--allow-empty", "--message", "first")
	want := provenance.Wanted{Source: "https://example.com/wiki", Commit: must(artifact.ParseCommit(git("-C", remote, "rev-parse", "HEAD")))}

	c := Defaults()
	c.State, c.Master.Root, c.Sources = filepath.Join(dir, "state"), dir, map[string]string{want.Source: remote}
	for name, content := range map[string]string{"config.json": `{"providerGateway":{"upgrade":{"composeEnvFile":"env"}}}`, "env": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		access Access
		kept   bool
	}{{Reading, false}, {Acting, true}} {
		w, err := Wire(c, must(catalog.Builtin()), "test", tt.access, func(journal.Line) {})
		if err != nil {
			t.Fatal(err)
		}
		if v := w.Parts.Provenance.Judge(t.Context(), want); !strings.Contains(v.Detail, "is on branch master") {
			t.Errorf("%+v", v)
		}
		w.Close()
		_, err = os.Stat(c.State)
		if kept := !errors.Is(err, fs.ErrNotExist); kept != tt.kept {
			t.Errorf("access %d: there is a state folder: %t (%v)", tt.access, kept, err)
		}
	}
	if left := must(os.ReadDir(os.TempDir())); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
