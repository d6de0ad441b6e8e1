package packaging_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// What a unit leaves open, by systemd's own count from 0 to 10. Each unit's file has what
// it cannot do without.
func TestTheUnitsAreSandboxed(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("NOT TESTED, the units' sandboxes: there is no systemd-analyze")
	}
	help, err := exec.CommandContext(t.Context(), program, "--help").Output()
	if err != nil || !bytes.Contains(help, []byte("--offline")) {
		t.Skip("NOT TESTED, the units' sandboxes: systemd-analyze is older than 250")
	}
	for name, most := range map[string]string{
		"unidesk-agent.service": "22", "unidesk-controller.service": "25", "unidesk-page.service": "10", registry.Unit: "15",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := name
			if name == registry.Unit {
				path = filepath.Join(t.TempDir(), name)
				for _, f := range registry.Render(registry.Defaults()) {
					if f.Name != registry.UnitFile {
						continue
					}
					if err := os.WriteFile(path, f.Content, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			out, err := exec.CommandContext(t.Context(), program, "security", "--no-pager", "--offline=true", "--threshold="+most, path).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "Overall exposure level for "+name) {
				t.Errorf("more than %s tenths, or %v:\n%s", most, err, out)
			}
		})
	}
}
