package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

// A variable is the default of its flag, and a flag that is given replaces it.
func TestAVariableIsTheDefaultOfItsFlag(t *testing.T) {
	dir := t.TempDir()
	text := "version: 1\nstate: /srv/state\nmaster: {root: /srv}\nnotify: {command: [/bin/x, secret], webhook: {url: 'https://user:pass@hook.example/T0/secret?token=x'}}\n"
	if err := os.WriteFile(filepath.Join(dir, "controller.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("UNIDESK_CONFIG", dir)
	for _, c := range []struct {
		form, line string
		exit       int
		has        string
	}{
		{"", "config view", present.ExitOK, "state: /srv/state\n"},
		{"json", "config view", present.ExitOK, `"state": "/srv/state"`},
		{"json", "config view -o text", present.ExitOK, "state: /srv/state\n"},
		{"", "config view --config " + t.TempDir(), present.ExitOK, "state: /var/lib/unidesk\n"},
		{"yaml", "config view", present.ExitUsage, "UNIDESK_OUTPUT yaml: it is text, wide or json"},
		{"json", "config view -o yaml", present.ExitUsage, "-o yaml: it is text, wide or json"},
	} {
		t.Setenv("UNIDESK_OUTPUT", c.form)
		var out strings.Builder
		code := Run(t.Context(), strings.Fields(c.line), Streams{Out: &out, Err: &out}, "test", nil)
		if code != c.exit || !strings.Contains(out.String(), c.has) {
			t.Errorf("UNIDESK_OUTPUT=%s %s: exit %d, want %d and %q:\n%s", c.form, c.line, code, c.exit, c.has, out.String())
		}
		for _, secret := range []string{"secret", "token", "pass"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s prints the webhook's address:\n%s", c.line, out.String())
			}
		}
	}
}
