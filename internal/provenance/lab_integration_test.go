//go:build integration

package provenance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// TestTheLabsProducerIsRead: what the lab's CI writes is a summary of ours.
func TestTheLabsProducerIsRead(t *testing.T) {
	t.Parallel()
	content, err := json.Marshal(lab.Summary(summary(manifest)))
	if err != nil {
		t.Fatal(err)
	}
	dir, want := t.TempDir(), wanted(t)
	if err := os.WriteFile(filepath.Join(dir, provenance.FileName(want.Service, want.Commit)), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := provenance.Look(dir, want); v.Status != provenance.Verified {
		t.Errorf("%+v", v)
	}
}
