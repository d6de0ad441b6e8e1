package ledger_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// A pending receipt names the file that is written when it comes into force.
func TestAReceiptIsTheReceiptOfItsPath(t *testing.T) {
	t.Parallel()
	const good = `{"schema":1,"id":"1","service":"web","env":"prod","commit":"1111111111111111111111111111111111111111"}`
	for name, c := range map[string]struct {
		content string
		ok      bool
	}{
		"its own":              {good, true},
		"another id":           {strings.Replace(good, `"1"`, `"2"`, 1), false},
		"an id of two folders": {strings.Replace(good, `"1"`, `"x/../1"`, 1), false},
		"another service":      {strings.Replace(good, "web", "other", 1), false},
		"another environment":  {strings.Replace(good, "prod", "dev", 1), false},
		"no commit":            {strings.Replace(good, `,"commit":"1111111111111111111111111111111111111111"`, "", 1), false},
		"nothing":              {"null", false},
	} {
		for _, suffix := range []string{".json", ".pending.json"} {
			dir := t.TempDir()
			path := filepath.Join(dir, "prod", "web", "1"+suffix)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			l := ledger.Open(dir)
			read := l.Pending
			if suffix == ".json" {
				read = func() ([]ledger.Receipt, error) { return l.History(artifact.Prod, "web") }
			}
			if all, err := read(); c.ok != (err == nil && len(all) == 1) || !c.ok && (fault.ReasonOf(err) != fault.LedgerUnavailable || !strings.Contains(err.Error(), path)) {
				t.Errorf("%s, as %s: %d receipts, %v", name, suffix, len(all), err)
			}
		}
	}
}
