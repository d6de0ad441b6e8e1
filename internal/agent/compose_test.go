package agent

import (
	"os"
	"path/filepath"
	"testing"
)

func TestComposeIsAskedOnceForEachPlugin(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	none, first, second := filepath.Join(root, "none"), filepath.Join(root, "a"), filepath.Join(root, "b")
	install := func(dir, script string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		temp := filepath.Join(dir, "new")
		if err := os.WriteFile(temp, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temp, filepath.Join(dir, "docker-compose")); err != nil {
			t.Fatal(err)
		}
	}
	asked := filepath.Join(root, "asked")
	c := &composePlugin{folders: []string{none, first, second}}
	expect := func(want string, times int) {
		t.Helper()
		if got := c.Version(t.Context()); got != want {
			t.Errorf("version %q, want %q", got, want)
		}
		if b, _ := os.ReadFile(asked); len(b) != times*len("x\n") {
			t.Errorf("asked %d times, want %d", len(b)/len("x\n"), times)
		}
	}
	expect("", 0)
	install(second, `echo x >>`+asked+`; [ "$*" = "version --short" ] && [ "$HOME" = / ] && echo v2.29.1`)
	expect("2.29.1", 1)
	expect("2.29.1", 1)
	install(first, `echo x >>`+asked+`; echo 5.6.0-rc.1+unidesk`)
	expect("5.6.0-rc.1+unidesk", 2)
	expect("5.6.0-rc.1+unidesk", 2)
	install(first, `echo x >>`+asked+`; echo 5.7.0`)
	expect("5.7.0", 3)
	for name, script := range map[string]string{
		"one that fails": "echo 1.2.3; exit 1", "one that says something else": "echo hello", "one that talks": "yes 1.2.3",
		"two lines": "echo 1.2.3; echo 4.5.6",
	} {
		install(first, script)
		if got := c.Version(t.Context()); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
