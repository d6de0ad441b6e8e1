package plugin_test

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/plugin"
)

// The plugin is the one that docker would start: first from the folders of its client's
// configuration, then the account's, then the system's. What cannot be started is none.
func TestThePluginIsTheOneThatDockerWouldStart(t *testing.T) {
	t.Parallel()
	own, extra := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(own, "config.json"), []byte(`{"cliPluginsExtraDirs":["`+extra+`"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	folders := plugin.Folders([]string{"HOME=/home/of", "DOCKER_CONFIG=" + own})
	if want := append([]string{extra, filepath.Join(own, "cli-plugins")}, plugin.SystemFolders()...); !slices.Equal(folders, want) {
		t.Errorf("%q, want %q", folders, want)
	}
	if got := plugin.Folders([]string{"HOME=/home/of"})[0]; got != "/home/of/.docker/cli-plugins" {
		t.Error(got)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := plugin.Folders(nil)[0], filepath.Join(me.HomeDir, ".docker/cli-plugins"); got != want {
		t.Errorf("without HOME: %s, want %s", got, want)
	}
	for _, f := range plugin.Folders([]string{"DOCKER_CONFIG=here"}) {
		if !filepath.IsAbs(f) {
			t.Errorf("%s depends on the working folder", f)
		}
	}
	put := func(dir string, mode os.FileMode) string {
		path := filepath.Join(dir, "docker-compose")
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	second := t.TempDir()
	both := []string{filepath.Join(own, "cli-plugins"), extra, second}
	if got := plugin.Find(both); got != "" {
		t.Error(got)
	}
	put(extra, 0o644)
	if want := put(second, 0o755); plugin.Find(both) != want {
		t.Errorf("%q, want %q", plugin.Find(both), want)
	}
}
