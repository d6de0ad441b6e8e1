package agent_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

func TestARegistryIsManagedBelowTheRootsOnly(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs the role that root has")
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := registry.Defaults()
	s.Directory, s.Storage = root+"/registry", root+"/storage"
	without := dial(t, tunnel.Config{Socket: serve(t, agent.Config{Docker: "/none.sock"})})
	if _, err := without.Inspect(t.Context(), s); fault.ReasonOf(err) != fault.CapabilityMissing {
		t.Errorf("without roots: %v", err)
	}
	client := dial(t, tunnel.Config{Socket: serve(t, agent.Config{Docker: "/none.sock", RegistryRoots: []string{root}})})
	d, err := client.Describe(t.Context())
	if err != nil || !slices.Equal(d.Capabilities, []rpc.Capability{rpc.CapabilityRegistry}) {
		t.Errorf("%+v, %v", d, err)
	}
	f, err := client.Inspect(t.Context(), s)
	if err != nil || f.Engine != nil || !strings.Contains(strings.Join(f.Unread, " "), "engine: ") {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := client.Inspect(t.Context(), registry.Defaults()); fault.ReasonOf(err) != fault.PathRefused || !strings.Contains(fault.HintOf(err), "registryRoots") {
		t.Errorf("outside: %v (%s)", err, fault.HintOf(err))
	}
	hashes := registry.Render(s).Hashes()
	_, err = client.Install(t.Context(), s, hashes, func(registry.Progress) { t.Error("a step was done") })
	if fault.ReasonOf(err) != fault.EngineUnavailable || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("install without an engine: %v", err)
	}
	hashes[registry.ConfigFile] = hashes[registry.UnitFile]
	if _, err = client.Install(t.Context(), s, hashes, nil); fault.ReasonOf(err) != fault.RenderMismatch {
		t.Errorf("install of other files: %v", err)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
		t.Errorf("made: %v, %v", entries, err)
	}
}
