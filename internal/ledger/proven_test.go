package ledger_test

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

func TestOnlyTheLastProvenVersionsKeepTheirImages(t *testing.T) {
	t.Parallel()
	l := ledger.Open(t.TempDir())
	all := []string{"a", "b", "c", "d"}
	for i, commit := range all {
		if _, err := l.Record(receipt(t, commit, commit, ledger.Succeeded, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	for i, commit := range all {
		kept, err := l.KeepsImage(artifact.Prod, "web", receipt(t, commit, commit, ledger.Succeeded, i+1).Commit)
		if want := i >= len(all)-ledger.KeptVersions; err != nil || kept != want {
			t.Errorf("%s: %v, %v, want %v", commit, kept, err, want)
		}
	}
}
