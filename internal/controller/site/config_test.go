package site

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A default that a file's own list does not have would be asked for ever.
func TestAFileThatListsHostsListsAll(t *testing.T) {
	t.Parallel()
	for config, want := range map[string][]string{
		"version: 1\nmaster: {root: /srv}\n":                                                    {"D601"},
		"version: 1\nmaster: {root: /srv}\nregistryHost: far\nhosts: {far: {socket: /run/s}}\n": {"far"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "controller.yaml"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadConfig(dir)
		if got := slices.Sorted(maps.Keys(c.Hosts)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s\ngot %v, %v", config, got, err)
		}
	}
}
