package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheOperatorsProxiesAreNotHandedToCompose(t *testing.T) {
	own := t.TempDir()
	config := filepath.Join(own, "config.json")
	if err := os.WriteFile(config, []byte(`{"proxies":{"default":{"httpProxy":"http://10.0.0.1:3128"}},"auths":{"x":{"auth":"c2VjcmV0"}},"cliPluginsExtraDirs":["/opt/plugins"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", own)
	r := fake(t, "", `cat "$DOCKER_CONFIG/config.json" > config; echo "$DOCKER_CONFIG" > folder; echo "$HOME" > home`)
	if err := r.up(t.Context(), sample(), nil); err != nil {
		t.Fatal(err)
	}
	if got, want := said(t, r, "config"), `{"cliPluginsExtraDirs":["/opt/plugins","`+own+`/cli-plugins"]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if said(t, r, "home") != os.Getenv("HOME") {
		t.Errorf("HOME is %q", said(t, r, "home"))
	}
	if folder := said(t, r, "folder"); folder == own || !strings.Contains(folder, "unidesk-docker-") {
		t.Errorf("Compose got %s", folder)
	} else if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", folder, err)
	}
}
