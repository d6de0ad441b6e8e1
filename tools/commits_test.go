package tools_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repo is a repository with its own copy of the scripts, whose hook is installed.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) repo {
	t.Helper()
	r := repo{t, t.TempDir()}
	r.must("git", "init", "-q", "-b", "main")
	for _, name := range []string{"commit-msg", "commits.sh"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(r.dir, "tools"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(r.dir, "tools", name), text, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r repo) run(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(r.t.Context(), name, args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.test",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.test")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (r repo) must(name string, args ...string) string {
	r.t.Helper()
	out, err := r.run(name, args...)
	if err != nil {
		r.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(out)
}

func (r repo) commit(message string) (string, error) {
	return r.run("git", "commit", "-q", "--allow-empty", "-m", message)
}

func TestTheHookKeepsTheRule(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.must("git", "config", "core.hooksPath", "tools")
	const withBody = "docs/layout.md: add a row\n\nThe body may say what it likes."
	for message, want := range map[string]string{
		"deploy: refuse a plan for a floating tag":             "",
		"internal/deploy, internal/proof: keep what is proven": "",
		withBody:                                  "",
		"lab: need Docker 29":                     "",
		"lab: process one layer at a time":        "",
		"fixup! lab: need Docker 29":              "",
		"Merge branch 'x'":                        "",
		"deploy: " + strings.Repeat("x", 64):      "",
		"deploy: " + strings.Repeat("x", 65):      "it has 73 characters",
		"deploy: keep " + strings.Repeat("é", 59): "",
		"refuse a plan for a floating tag":        `it does not begin with "package: "`,
		"the deploy: refuse a plan":               `it does not begin with "package: "`,
		"deploy:refuse":                           `it does not begin with "package: "`,
		"deploy: Refuse a plan":                   "lower-case",
		"deploy: refuse a plan.":                  "full stop",
		"deploy: refused a plan":                  `"refused" is not an imperative`,
		"deploy: refusing a plan":                 `"refusing" is not an imperative`,
		"deploy: refuses a plan":                  `"refuses" is not an imperative`,
		"deploy: a plan is refused":               `"a" is not a verb`,
	} {
		out, err := r.commit(message)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(out, want)) {
			t.Errorf("%q: %v, %q, want %q", message, err, out, want)
		}
	}
}

func TestNewCommitsAreChecked(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	check := func(want string, ok bool) {
		t.Helper()
		if out, err := r.run("tools/commits.sh"); (err == nil) != ok || !strings.Contains(out, want) {
			t.Errorf("%v, %q, want %q", err, out, want)
		}
	}
	for _, old := range []string{"before the rule", "The base"} {
		if out, err := r.commit(old); err != nil {
			t.Fatal(out)
		}
	}
	base := r.must("git", "rev-parse", "HEAD")
	t.Run("the base is unknown", func(*testing.T) { check("there is no commit", false) })
	script := filepath.Join(r.dir, "tools", "commits.sh")
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	const begin = "${COMMITS_BASE:-"
	i := strings.Index(string(text), begin) + len(begin)
	if err := os.WriteFile(script, []byte(string(text[:i])+base+string(text[i+40:])), 0o700); err != nil {
		t.Fatal(err)
	}
	check("0 checked, 0 against the rule", true)
	for _, good := range []string{"deploy: keep", "deploy: revert"} {
		if out, err := r.commit(good); err != nil {
			t.Fatal(out)
		}
	}
	check("2 checked, 0 against the rule", true)

	clone := repo{t, filepath.Join(t.TempDir(), "clone")}
	r.must("git", "clone", "-q", "--depth", "2", "file://"+r.dir, clone.dir)
	if out, err := clone.run(script); err != nil || !strings.Contains(out, "shallow") || !strings.Contains(out, "2 checked, 0 against") {
		t.Errorf("in a shallow clone: %v, %q", err, out)
	}

	for _, bad := range []string{"fixup! deploy: keep", "Wrong."} {
		if out, err := r.commit(bad); err != nil {
			t.Fatal(out)
		}
	}
	check("4 checked, 2 against the rule", false)
	if out, err := r.run("tools/commits.sh", "HEAD~4..HEAD~2"); err != nil || !strings.Contains(out, "2 checked, 0 against") {
		t.Errorf("a range: %v, %q", err, out)
	}
}
