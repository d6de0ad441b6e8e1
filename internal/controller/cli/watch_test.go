package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

// What the watch writes for node_exporter is what the command prints.
func TestTheWatchWritesWhatMetricsPrints(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "unidesk.prom")
	for name, content := range map[string]string{
		"controller.yaml": "version: 1\nstate: " + dir + "/state\nmetrics: {textfile: " + file + "}\nmaster: {root: " + dir + ", docker: 'unix:///nonexistent/docker.sock'}\n",
		"config.json":     `{"providerGateway":{"upgrade":{"composeEnvFile":"env"}}}`,
		"env":             "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stop, code := make(chan os.Signal, 1), make(chan int, 1)
	var said bytes.Buffer
	go func() {
		code <- Run(t.Context(), []string{"--config", dir, "watch"}, Streams{Out: &said, Err: &said, Stop: stop}, "1.2.3", nil)
	}()
	var written []byte
	for err := os.ErrNotExist; err != nil && len(code) == 0; time.Sleep(10 * time.Millisecond) {
		written, err = os.ReadFile(file)
	}
	stop <- os.Interrupt
	if got := <-code; got != present.ExitOK {
		t.Errorf("exit %d: %s", got, said.String())
	}
	var out bytes.Buffer
	Run(t.Context(), []string{"--config", dir, "metrics"}, Streams{Out: &out, Err: &said}, "1.2.3", nil)
	if same(t, out.String()) != same(t, string(written)) || !strings.Contains(said.String(), "writing metrics") {
		t.Errorf("%s\nwas written, and printed is\n%s\nthe log is %s", written, out.String(), said.String())
	}
}

// same returns the text without its time.
func same(t *testing.T, text string) string {
	t.Helper()
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "unidesk_collected_timestamp_seconds ") {
			kept.WriteString(line)
		}
	}
	if kept.Len() < 1000 {
		t.Errorf("only %q", text)
	}
	return kept.String()
}
