package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the watch writes for node_exporter is what the command prints.
func TestTheWatchWritesWhatMetricsPrints(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "unidesk.prom")
	aMaster(t, dir, "metrics: {textfile: "+file+"}")
	said, end := daemon(t, "--config", dir, "watch")
	var written []byte
	for err := os.ErrNotExist; err != nil && t.Context().Err() == nil; time.Sleep(10 * time.Millisecond) {
		written, err = os.ReadFile(file)
	}
	end()
	var out bytes.Buffer
	Run(t.Context(), []string{"--config", dir, "metrics"}, Streams{Out: &out, Err: said}, "1.2.3", nil)
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
