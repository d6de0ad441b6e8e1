package site

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// A watch sends what a killed run did not: it leaves to a run what the run may still send, and
// sends nothing that is old or has a claim.
func TestAWatchSendsWhatARunDidNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "notices.txt")
	c := Config{State: dir, Notify: notify.Config{Command: []string{"/bin/sh", "-c", `cat >>"$1"`, "sh", file}}}
	now := time.Now().UTC()
	service, err := artifact.ParseServiceID("frontend")
	if err != nil {
		t.Fatal(err)
	}
	writer := journal.Open(c.RunsDir()).Writer(func(err error) { t.Error(err) })
	defer writer.Close()
	run := func(ago time.Duration, outcome string) string {
		l := journal.Line{Time: now.Add(-ago), Run: ledger.NewID(now.Add(-ago)), Service: service, Env: artifact.Prod}
		if outcome != "" {
			l.End = &journal.End{Outcome: outcome}
		}
		writer.Append(l)
		return l.Run
	}
	run(2*time.Hour, "succeeded")
	run(10*time.Second, "succeeded")
	run(3*time.Minute, "")
	claimed := run(4*time.Minute, "succeeded")
	if took, err := c.Claims().Take(claimed, notify.ByRun, now); !took || err != nil {
		t.Fatal(took, err)
	}
	missed := run(5*time.Minute, "reverted")
	var found []string
	over := map[string]bool{}
	for _, l := range c.missed(now.Add(-time.Hour), now, over) {
		found = append(found, l.Run)
		if err := c.SendNotice(t.Context(), l, notify.ByWatch); err != nil {
			t.Error(err)
		}
		if err := c.SendNotice(t.Context(), l, notify.ByRun); err != nil { // the second sends nothing
			t.Error(err)
		}
	}
	if !slices.Equal(found, []string{missed}) {
		t.Errorf("%q, want %q", found, missed)
	}
	content, err := os.ReadFile(file)
	if err != nil || strings.Count(string(content), "\n") != 1 || !strings.Contains(string(content), missed) {
		t.Errorf("%v: %s", err, content)
	}
	if claim := c.Claims().Of(missed); claim == nil || claim.By != notify.ByWatch || len(claim.Deliveries) != 1 {
		t.Errorf("%+v", claim)
	}
	if again := c.missed(now.Add(-time.Hour), now, map[string]bool{}); len(again) > 0 {
		t.Errorf("%+v", again)
	}
}

// A notice's command is about the folder of the run that sends it.
func TestTheCommandOfANoticeNamesItsFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "notice.json")
	c := Config{Folder: "/srv/a b", State: dir, Notify: notify.Config{Command: []string{"/bin/sh", "-c", `cat >"$1"`, "sh", file}}}
	service, err := artifact.ParseServiceID("frontend")
	if err != nil {
		t.Fatal(err)
	}
	commit, err := artifact.ParseCommit(strings.Repeat("a", 40))
	if err != nil {
		t.Fatal(err)
	}
	id := ledger.NewID(time.Now())
	r := ledger.Receipt{Schema: 2, ID: id, Service: service, Env: artifact.Prod, Commit: commit, Outcome: ledger.Succeeded, Rollback: "unidesk-controller rollback --service frontend"}
	if _, err := ledger.Open(c.LedgerDir()).Record(r); err != nil {
		t.Fatal(err)
	}
	l := journal.Line{Time: time.Now(), Run: id, Service: service, Env: artifact.Prod, End: &journal.End{Outcome: "succeeded", Receipt: id}}
	if err := c.SendNotice(t.Context(), l, notify.ByRun); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if want := `"rollback":"unidesk-controller --config '/srv/a b' rollback --service frontend"`; err != nil || !strings.Contains(string(content), want) {
		t.Errorf("%v: %s, want %s", err, content, want)
	}
}
