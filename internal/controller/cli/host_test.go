package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

func TestAListThatIsInterruptedSaysSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := "version: 1\nmaster: {root: /srv}\nregistryHost: far\nhosts: {far: {socket: /run/none.sock}}\n"
	if err := os.WriteFile(filepath.Join(dir, "controller.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	for ctx, want := range map[context.Context]int{gone: present.ExitInterrupted, t.Context(): present.ExitFailed} {
		if code := Run(ctx, []string{"--config", dir, "host", "list"}, Streams{Out: &out, Err: &out}, "test", nil); code != want {
			t.Errorf("exit %d, want %d\n%s", code, want, out.String())
		}
	}
}
