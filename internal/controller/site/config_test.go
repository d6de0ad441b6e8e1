package site

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// node_exporter reads a file of another name never.
func TestATextfileIsOfNodeExportersForm(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                           "",
		"/var/lib/node/unidesk.prom": "",
		"unidesk.prom":               `metrics.textfile "unidesk.prom" is not an absolute path`,
		"/var/lib/node/unidesk.txt":  `metrics.textfile "/var/lib/node/unidesk.txt" does not end in .prom`,
	} {
		dir := t.TempDir()
		content := "version: 1\nmaster: {root: /srv}\nmetrics: {textfile: '" + value + "'}\n"
		if err := os.WriteFile(filepath.Join(dir, "controller.yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadConfig(dir)
		if want == "" && (err != nil || c.Metrics.Textfile != value) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %q, %v, want %q", value, c.Metrics.Textfile, err, want)
		}
	}
}
