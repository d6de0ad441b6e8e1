//go:build integration

package compose_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Compose sets the proxies of its operator in each container that it makes.
func TestTheOperatorsProxiesDoNotReachTheContainer(t *testing.T) {
	folder, own := t.TempDir(), map[string]any{}
	b, err := os.ReadFile(filepath.Join(shared.engine.DockerConfig(), "config.json")) // which names the folder of the plugin
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &own); err != nil {
		t.Fatal(err)
	}
	own["proxies"] = map[string]any{"default": map[string]string{"httpProxy": "http://10.0.0.1:3128", "noProxy": "localhost"}}
	if b, err = json.Marshal(own); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "config.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", folder)
	w := newWorld(t, "")
	w.deploy(0, "a")
	out, err := shared.engine.Docker(t.Context(), "inspect", "--format", "{{json .Config.Env}}", w.spec.Compose.ContainerName)
	if err != nil || !strings.Contains(out, "UNIDESK_SAMPLE_DEPLOY_COMMIT") {
		t.Fatal(out, err)
	}
	if strings.Contains(strings.ToLower(out), "proxy") {
		t.Errorf("the container has %s", out)
	}
}
