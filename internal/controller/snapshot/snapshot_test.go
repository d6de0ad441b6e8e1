package snapshot

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// A snapshot stays readable: the oldest receipts give way.
func TestASnapshotIsBounded(t *testing.T) {
	t.Parallel()
	service, err := artifact.ParseServiceID("frontend")
	if err != nil {
		t.Fatal(err)
	}
	commit, err := artifact.ParseCommit(strings.Repeat("a", 40))
	if err != nil {
		t.Fatal(err)
	}
	s := Snapshot{Version: version}
	for i := range mostReceipts {
		s.Receipts = append(s.Receipts, ledger.Receipt{ID: fmt.Sprint(i), Service: service, Env: artifact.Prod, Commit: commit, Logs: []string{strings.Repeat("x", 100<<10)}})
	}
	content, err := s.encode()
	if err != nil || len(content) > mostBytes || !strings.Contains(string(content), `"id":"0"`) || !strings.Contains(string(content), `"id":"40"`) {
		t.Errorf("%d bytes, %v", len(content), err)
	}
	s.Report = &registry.Report{Warnings: []string{strings.Repeat("\x00", 4<<20)}}
	content, err = s.encode()
	if err != nil || len(content) > mostBytes || !strings.Contains(string(content), `"schemaVersion":1`) {
		t.Errorf("with too long a report: %d bytes, %v", len(content), err)
	}
}

func TestOnlyWebPagesArePublished(t *testing.T) {
	t.Parallel()
	var rows []catalog.Row
	for name, source := range map[string]string{
		"web": "https://example.com/web.git", "secret": "https://user:token@example.com/x", "ssh": "ssh://git@example.com/x", "scp": "git@example.com:x", "none": "", "script": "javascript:x",
	} {
		service, err := artifact.ParseServiceID(name)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, catalog.Row{Service: service, Source: source})
	}
	if got := pages(rows); !maps.Equal(got, map[string]string{"web": "https://example.com/web"}) {
		t.Errorf("%q", got)
	}
}
