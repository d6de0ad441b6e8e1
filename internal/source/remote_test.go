package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/source"
)

func TestARemoteIsWhatOneWouldClone(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"https://github.com/pikasTech/unidesk":        true,
		"https://github.com:443/pikasTech/unidesk":    true,
		"ssh://git@github.com/pikasTech/unidesk":      true,
		"git@github.com:pikasTech/unidesk.git":        true,
		"github.com:pikasTech/unidesk":                true,
		"file:///srv/git/unidesk.git":                 true,
		"/srv/git/unidesk.git":                        true,
		"":                                            false,
		"srv/git":                                     false,
		"-uploadpack=id":                              false,
		"--upload-pack=id":                            false,
		"ssh://-oProxyCommand=id/x":                   false,
		"-oProxyCommand=id:x":                         false,
		"ext::sh -c id":                               false,
		"ext::id":                                     false,
		"fd::17":                                      false,
		"http://github.com/pikasTech/unidesk":         false,
		"git://github.com/pikasTech/unidesk":          false,
		"https:///unidesk":                            false,
		"file://host/unidesk":                         false,
		"https://github.com/a b":                      false,
		"https://github.com/a\nb":                     false,
		"https://hunter2@github.com/pikasTech/x":      false,
		"https://user:hunter2@github.com/pikasTech/x": false,
		"ssh://git:hunter2@github.com/pikasTech/x":    false,
		"https://user:hunter2%zz@github.com/x":        false,
		"https://user:p@hunter2@github.com/x":         false,
		"https://user:p/hunter2@github.com/x":         false,
		"https://github.com/x?private_token=hunter2":  false,
		"ssh://git@github.com/x?private_token=":       false,
		"https://github.com/x#hunter2":                false,
	} {
		_, err := source.ParseRemote(url)
		if (err == nil) != ok || err != nil && (strings.Contains(err.Error(), "hunter2") || url != "" && strings.Contains(err.Error(), url)) {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, value := range hostile.Values() {
		if _, err := source.ParseRemote(value); err == nil && (strings.HasPrefix(value, "-") || strings.ContainsAny(value, "\n\x00\x1b") || strings.Contains(value, "::")) {
			t.Errorf("%q is a remote", value)
		}
	}
}

func TestNoCredentialOfAURLIsShown(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://github.com/pikasTech/unidesk":                        "https://github.com/pikasTech/unidesk",
		"git@github.com:pikasTech/unidesk.git":                        "git@github.com:pikasTech/unidesk.git",
		"https://hunter2@github.com/x":                                "https://github.com/x",
		"https://user:p@hunter2@github.com/x":                         "https://github.com/x",
		"https://user:p/hunter2@github.com/x":                         "https://github.com/x",
		"https://github.com/x?private_token=hunter2":                  "https://github.com/x",
		"https://github.com/x#hunter2":                                "https://github.com/x",
		"https://user:p?hunter2@github.com/x?hunter2":                 "https://github.com/x",
		"unable to access 'https://u:hunter2@h/x?a=hunter2/': no":     "unable to access 'https://h/x no",
		"neither https://u:hunter2@h/x nor https://hunter2@h/y is it": "neither https://h/x nor https://h/y is it",
	} {
		if got := source.Shown(url); got != want {
			t.Errorf("%q is shown as %q", url, got)
		}
	}
}

// The only stand-in for git: it writes down what it was given.
func TestNothingOfARemoteIsForEverybodyToSee(t *testing.T) { //nolint:paralleltest // the environment
	bin, state := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\n{ echo \"$@\"; env; } >> " + bin + "/said\n" +
		`case "$1" in fetch) echo "fatal: unable to access 'https://hunter2:x@hunter2@example.com/wiki/':  no https://example.com?t=hunter2" >&2; exit 128;; esac` + "\n"
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("GIT_DIR", "/somebody/elses")
	t.Setenv("GIT_CONFIG_PARAMETERS", "'core.sshCommand=id'")
	remote, err := source.ParseRemote("ssh://git@example.com/secret-name")
	if err != nil {
		t.Fatal(err)
	}
	commit, err := artifact.ParseCommit(strings.Repeat("a", 40))
	if err != nil {
		t.Fatal(err)
	}
	remotes := source.New(state, map[string]source.Remote{wiki: remote}, 10*time.Second)
	v, _ := remotes.Look(t.Context(), wiki, commit)
	if v.Status != provenance.Unverified || strings.Contains(v.Detail, "hunter2") || !strings.HasSuffix(v.Detail, "unable to access 'https://example.com/wiki/': no https://example.com") {
		t.Errorf("%+v", v)
	}
	if _, err := remote.Answers(t.Context(), 10*time.Second); err != nil {
		t.Error(err)
	}
	content, err := os.ReadFile(filepath.Join(bin, "said"))
	if err != nil {
		t.Fatal(err)
	}
	said := string(content)
	for line := range strings.Lines(said) {
		if strings.Contains(line, "secret-name") && line != "GIT_CONFIG_VALUE_2=ssh://git@example.com/secret-name\n" {
			t.Errorf("the remote is in %q", line)
		}
	}
	for _, want := range []string{
		"fetch --quiet --prune --no-tags --no-write-fetch-head --filter=tree:0 -- origin\n", "ls-remote --quiet --heads -- origin\n",
		"GIT_TERMINAL_PROMPT=0\n", "GIT_ALLOW_PROTOCOL=https:ssh:file\n", "GIT_ALLOW_PROTOCOL=\n", "GIT_DIR=" + state,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("git was not given %q:\n%s", want, said)
		}
	}
	for _, unwanted := range []string{"/somebody/elses", "GIT_CONFIG_PARAMETERS"} {
		if strings.Contains(said, unwanted) {
			t.Errorf("git was given %s", unwanted)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if v, _ := source.New(state, map[string]source.Remote{wiki: remote}, 10*time.Second).Look(t.Context(), wiki, commit); v.Status != provenance.Unverified || !strings.Contains(v.Detail, "git") || v.Retry || v.Fix == "" {
		t.Errorf("no git: %+v", v)
	}
}
