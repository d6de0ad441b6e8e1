package site

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSourcesAreRefusedUnseen(t *testing.T) {
	t.Parallel()
	for _, sources := range []string{
		"{https://example.com/wiki: https://hunter2@example.com/wiki}", "{https://hunter2@example.com/wiki: ''}",
		"{https://hunter2@example.com/wiki: 'ext::sh -c id'}", "{https://hunter2@example.com/wiki:}",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "controller.yaml"), []byte("version: 1\nmaster: {root: /srv}\nsources: "+sources+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadConfig(dir); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "sources.https://example.com/wiki: it ") {
			t.Errorf("%s: %v", sources, err)
		}
	}
}
