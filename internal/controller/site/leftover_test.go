package site

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A run that was killed leaves its name in the ledger's lock. What it did on the
// master is known from the master's own files; of another host nobody is asked.
func TestARunThatWasKilledIsReminded(t *testing.T) {
	t.Parallel()
	c := Config{State: t.TempDir()}
	for _, service := range []string{"findjob", "frontend", "pipeline", "mdtodo-of-old"} {
		dir := filepath.Join(c.LedgerDir(), "prod", service)
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, ".lock"), []byte("alice, run of "+service+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := ledger.Open(c.LedgerDir()).Prepare(receiptOf("pipeline", artifact.Prod, "a", ledger.Succeeded)); err != nil {
		t.Fatal(err)
	}
	services := must(catalog.Builtin())
	notes := LeftBehind(c, services)
	// Nobody is told of a run that goes on.
	for _, service := range []string{"findjob", "pipeline"} {
		unlock, err := ledger.Open(c.LedgerDir()).Lock(artifact.Prod, service, "bob")
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
	}
	if left := LeftBehind(c, services); len(left) > 0 {
		t.Errorf("of runs that go on: %q", left)
	}
	going := workload.Pending{Change: workload.Change{Stamps: map[string]string{workload.KeyServiceID: "findjob"}}}
	ended := workload.Pending{Change: workload.Change{Stamps: map[string]string{workload.KeyServiceID: "frontend"}}}
	if left := Dead(ledger.Open(c.LedgerDir()), []workload.Pending{going, ended, {}}); len(left) != 2 || left[0].Change.Stamps[workload.KeyServiceID] != "frontend" {
		t.Errorf("%+v", left)
	}
	if len(notes) != 2 || !strings.Contains(notes[0], "the receipt of pipeline") ||
		!strings.Contains(notes[1], "a run of findjob in prod was killed (alice, run of findjob), and D601 may have a change") {
		t.Errorf("%q", notes)
	}
}
