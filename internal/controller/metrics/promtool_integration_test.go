//go:build integration

package metrics

import (
	"bytes"
	"os/exec"
	"testing"
)

// Prometheus's own checker finds no fault in the names, the kinds and the texts.
func TestPromtoolTakesTheText(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	cmd.Stdin = bytes.NewReader(must(sample().Text()))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
