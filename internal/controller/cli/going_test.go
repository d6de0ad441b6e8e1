package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A run that goes on is named by doctor, as a finding that is ok, and by the dry run of its
// service: who, which commit, how far.
func TestARunThatGoesOnIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	aMaster(t, dir, "hosts: {D601: {socket: /nonexistent/agent.sock}}")
	service, commit := must(artifact.ParseServiceID("frontend")), strings.Repeat("a", 40)
	id := ledger.NewID(time.Now())
	unlock := must(ledger.Open(filepath.Join(dir, "state", "ledger")).Lock(artifact.Prod, "frontend", "alice (1000), deploy of "+commit+", run "+id))
	defer unlock()
	runs := journal.Open(filepath.Join(dir, "state", "runs")).Writer(func(err error) { t.Error(err) })
	defer runs.Close()
	runs.Append(journal.Line{
		Time: time.Now(), Run: id, Service: service, Env: artifact.Prod, Commit: must(artifact.ParseCommit(commit)), Who: "alice (1000)",
		Point: workload.PointTransfer, Done: 12e6, Total: 40e6,
	})
	says := func(words ...string) string {
		var out bytes.Buffer
		Run(t.Context(), append([]string{"--config", dir}, words...), Streams{Out: &out, Err: &out}, "test", nil)
		return strings.Join(strings.Fields(out.String()), " ")
	}
	const run = "12.0 MB of 40.0 MB (alice (1000), deploy of "
	if got := says("doctor"); !strings.Contains(got, "✓ running: frontend prod to aaaaaaaaaaaa,") || !strings.Contains(got, run) || !strings.Contains(got, "✓ interrupted deploys: none") {
		t.Errorf("doctor: %s", got)
	}
	dry := []string{"artifact-registry", "deploy-service", "--service", "frontend", "--commit", strings.Repeat("b", 40), "--dry-run"}
	if got := says(dry...); !strings.Contains(got, "note: a run goes on: frontend prod to aaaaaaaaaaaa,") || !strings.Contains(got, run) {
		t.Errorf("its dry run: %s", got)
	}
	if got := says(append(dry, "--env", "dev")...); strings.Contains(got, "goes on") {
		t.Errorf("a dry run of another environment: %s", got)
	}
	unlock()
	if got := says("doctor") + says(dry...); strings.Contains(got, "goes on") || strings.Contains(got, "running:") {
		t.Errorf("after it: %s", got)
	}
}
