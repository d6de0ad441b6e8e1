package site_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestAHostWithoutAnAgentNamesItsBootstrap(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "ssh"), []byte("#!/bin/sh\necho 'sh: unidesk-agent: not found' >&2\nexit 127\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	way := tunnel.Config{SSH: &tunnel.SSH{Destination: "d601.example"}}
	row := site.AskHost(t.Context(), "v", "D601", way)
	if row.Reachable || row.Reason != fault.NotAnAgent || !strings.Contains(row.Hint, "unidesk-controller host bootstrap D601") {
		t.Errorf("%+v", row)
	}
	// A deploy gives the same fix as the list of hosts.
	_, err := site.NewRemote("D601", way, "v").Workloads().Observe(t.Context(), workload.Ref{}, false)
	if fault.ReasonOf(err) != fault.NotAnAgent || fault.HintOf(err) != row.Hint {
		t.Errorf("%v, %q, want %q", err, fault.HintOf(err), row.Hint)
	}
}
