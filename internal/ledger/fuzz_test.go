package ledger_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// FuzzAReceiptIsReadWholeOrRefused: whatever a receipt's file holds, it is an error, or a
// receipt that is written and read again as the same; and the file stays as it is.
func FuzzAReceiptIsReadWholeOrRefused(f *testing.F) {
	const commit = "1111111111111111111111111111111111111111"
	f.Add([]byte(`{"schema":1,"id":"1","service":"web","env":"prod","commit":"` + commit + `","outcome":"succeeded","started":"2026-11-01T00:00:00Z",` +
		`"image":{"repository":"unidesk/web","manifest":"` + artifact.DigestOf(nil).String() + `"},"steps":[{"point":"switch","at":"2026-11-01T00:00:00Z"}]}`))
	f.Add([]byte(`{"id":"../../x","env":"prod"}`))
	f.Add([]byte(`{"env":"nowhere"}`))
	f.Add([]byte(`{"commit":"1"}`))
	f.Add([]byte(`{"started":"2026-11-01T00:00:00+23:59","finished":"9999-12-31T23:59:59.999999999Z"}`))
	f.Add([]byte(`{"grant":{},"provenance":{"status":"verified"},"bytes":{"image":-1}}`))
	f.Add([]byte("null"))
	f.Add([]byte("{}{}"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "prod", "web", "1.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		receipts, err := ledger.Open(dir).History(0, "")
		if err != nil {
			if fault.ReasonOf(err) != fault.LedgerUnavailable {
				t.Errorf("%s: %v", fault.ReasonOf(err), err)
			}
			receipts = nil
		} else if len(receipts) != 1 {
			t.Errorf("%d receipts", len(receipts))
		}
		for _, r := range receipts {
			one, err := json.Marshal(r)
			if err != nil {
				t.Fatalf("%+v is read and cannot be written: %v", r, err)
			}
			var again ledger.Receipt
			if err := json.Unmarshal(one, &again); err != nil {
				t.Fatalf("%s is written and cannot be read: %v", one, err)
			}
			if two, err := json.Marshal(again); err != nil || !bytes.Equal(one, two) {
				t.Errorf("%s is read and written as %s (%v)", one, two, err)
			}
			if !r.Kept() && ledger.ProvenAs(receipts, r.Env, r.Commit) != nil {
				t.Errorf("outcome %q proves something", r.Outcome)
			}
			if back := ledger.BackTo(receipts, artifact.Prod, "D601", r.Commit, artifact.Digest{}); back != nil && (back.Outcome != ledger.Succeeded || back.Image.Manifest.IsZero()) {
				t.Errorf("%+v is a way back", back)
			}
			if now := time.Unix(1<<31, 0); ledger.Began(r.ID, r.Started, now).After(now) {
				t.Errorf("%q began after now", r.ID)
			}
			if ledger.CommitOf(receipts, workload.Instance{}) != "" {
				t.Errorf("an instance without an image runs %s", r.Commit)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("the receipt is now %q (%v)", got, err)
		}
	})
}
