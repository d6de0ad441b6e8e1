//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// show is what systemd knows of a unit on D601.
func show(t *testing.T, unit string, properties ...string) map[string]string {
	t.Helper()
	out, err := two.D601.Output(t.Context(), "systemctl", "show", unit, "--property="+strings.Join(properties, ","))
	must(t, err)
	values := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[key] = value
	}
	return values
}

// The agent that answers is the packaged unit, in its sandbox, started by its socket.
func TestTheAgentIsASandboxedUnitThatItsSocketStarts(t *testing.T) {
	const unit, service = "unidesk-agent.service", "project-manager"
	must(t, each(t.Context(), two.D601, "systemctl stop "+unit))
	if got := show(t, unit, "ActiveState")["ActiveState"]; got != "inactive" {
		t.Fatalf("stopped, and it is %s", got)
	}
	// The unit requires its socket, not the other way: the socket is still there.
	if got := show(t, "unidesk-agent.socket", "ActiveState", "SubState"); got["ActiveState"] != "active" || got["SubState"] != "listening" {
		t.Fatalf("the socket of the stopped agent is %v", got)
	}
	commit := release(t, service, lab.Change{}).SourceCommit
	deployNow(t, service, commit).want(t, contract.DecidedSucceeded, "", 0)
	lives(t, service, commit)

	got := show(t, unit, "ActiveState", "Type", "NotifyAccess", "NRestarts", "TriggeredBy", "StatusText", "MainPID",
		"ProtectSystem", "NoNewPrivileges", "PrivateDevices", "MemoryDenyWriteExecute", "CapabilityBoundingSet")
	want := map[string]string{
		"ActiveState": "active", "Type": "notify", "NotifyAccess": "main", "NRestarts": "0", "TriggeredBy": "unidesk-agent.socket",
		"ProtectSystem": "strict", "NoNewPrivileges": "yes", "PrivateDevices": "yes", "MemoryDenyWriteExecute": "yes",
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
	// What the kernel reports of the process, not what the unit's file has.
	status, err := two.D601.Output(t.Context(), "cat", "/proc/"+got["MainPID"]+"/status")
	must(t, err)
	for _, line := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t000000000000000b"} {
		if !slices.Contains(strings.Split(status, "\n"), line) {
			t.Errorf("its process does not have %q", line)
		}
	}
	if failed, _ := two.D601.Output(t.Context(), "systemctl", "--failed", "--plain", "--no-legend"); strings.Contains(failed, "unidesk") {
		t.Errorf("failed units: %s", failed)
	}
	if journal, _ := two.D601.Output(t.Context(), "journalctl", "--unit", unit, "--priority", "warning", "--quiet", "--output", "cat"); journal != "" {
		t.Logf("warnings in its journal:\n%s", journal)
	}
}

// What systemd makes of the sandbox that all of this lab runs in. The unit's file has
// the reason for each directive that is left out.
func TestTheAgentsSandboxIsTight(t *testing.T) {
	const most = 2.2
	out, err := two.D601.Output(t.Context(), "systemd-analyze", "security", "--no-pager", agentUnit)
	must(t, err)
	_, score, found := strings.Cut(out, "Overall exposure level for "+agentUnit+": ")
	if !found {
		t.Fatalf("systemd-analyze prints %s", out)
	}
	score, _, _ = strings.Cut(score, " ")
	// make e2e prints it: the output of a package that passes is not shown.
	said := fmt.Sprintf("e2e: systemd-analyze security %s: %s (at most %.1f)\n", agentUnit, score, most)
	must(t, os.MkdirAll(filepath.Join(repo, "dist"), 0o755))
	must(t, os.WriteFile(filepath.Join(repo, "dist", "sandbox.txt"), []byte(said), 0o644))
	if exposure, err := strconv.ParseFloat(score, 64); err != nil || exposure > most {
		t.Errorf("exposure %s (%v), at most %.1f", score, err, most)
	}
}
