package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// The deploy itself says what it is about.
func TestADeployServiceToldTwiceNamesTheService(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"controller.yaml": "version: 1\nstate: " + dir + "/state\nhosts: {D601: {socket: /nonexistent/agent.sock}}\nmaster: {root: " + dir + ", docker: 'unix:///nonexistent/docker.sock'}\n",
		"config.json":     `{"providerGateway":{"upgrade":{"composeEnvFile":"env"}}}`,
		"env":             "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stop, block := make(chan os.Signal, 2), make(chan struct{})
	t.Cleanup(func() { close(block) })
	var out bytes.Buffer
	words := []string{"--config", dir, "artifact-registry", "deploy-service", "--service", "frontend", "--commit", strings.Repeat("a", 40), "--run-now"}
	code := Run(t.Context(), words, Streams{Out: &out, Err: io.Discard, Stop: stop}, "test", func(workload.Event) {
		stop <- os.Interrupt
		stop <- os.Interrupt
		<-block
	})
	if code != present.ExitInterrupted || !strings.HasPrefix(out.String(), "interrupted  frontend prod aaaa") {
		t.Errorf("exit %d: %s", code, out.String())
	}
}
