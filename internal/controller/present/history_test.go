package present

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

func TestTheHistoryFitsATerminal(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	of := func(service, digit string, o ledger.Outcome, ago time.Duration, who string, note ledger.Note) ledger.Receipt {
		at := now.Add(-ago)
		return ledger.Receipt{
			ID: at.Format("20060102T150405Z") + "-00000001", Service: must(artifact.ParseServiceID(service)), Env: artifact.Prod, Commit: commitOf(digit),
			Outcome: o, Started: at, Finished: at, Who: who, Note: note,
		}
	}
	list := []inventory.Past{
		{Receipt: of("code-queue-scheduler", "a", ledger.RevertFailed, 8*time.Minute, "somebody-of-operations (1000)", ledger.Note{Message: strings.Repeat("長い ", 60)}), Standing: ledger.RolledBack},
		{Receipt: of("frontend", "b", ledger.Succeeded, 3*day, "ops (1)", ledger.Note{}), Standing: ledger.Live, Subject: "web: fix the login"},
	}
	var out strings.Builder
	if err := printHistory(narrow(&out), list); err != nil {
		t.Fatal(err)
	}
	want := "OUTCOME        SERVICE               ENV   COMMIT        WHEN       WHO\n" +
		"  RECEIPT                    STANDING  MESSAGE\n" +
		"revert-failed  code-queue-scheduler  prod  aaaaaaaaaaaa  8 min ago  somebody-of…\n" +
		"  20260701T115200Z-00000001  reverted  "
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if diff := cmp.Diff(want, out.String()[:len(want)]); diff != "" {
		t.Error(diff)
	}
	if got := lines[5]; got != "  20260628T120000Z-00000001  live      web: fix the login" {
		t.Errorf("%q", got)
	}
	for _, line := range lines {
		if n := terminal.Width(line); n > 80 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

func TestAListSaysHowACommitStands(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	one := inventory.Published{
		Commit: commitOf("a"), Digest: artifact.DigestOf(nil), Created: now.Add(-59 * time.Minute),
		Standing: map[artifact.Env]ledger.Standing{artifact.Prod: ledger.Proven, artifact.Dev: ledger.RolledBack}, Subject: strings.Repeat("x", 50),
	}
	two := one
	two.Subject, two.Standing = "", map[artifact.Env]ledger.Standing{artifact.Prod: ledger.New, artifact.Dev: ledger.New}
	var out strings.Builder
	shelf := inventory.Shelf{Service: must(artifact.ParseServiceID("frontend")), Artifacts: []inventory.Published{one, two}}
	if err := printShelves(narrow(&out), []inventory.Shelf{shelf}); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"  AGE\n  STANDING                 SUBJECT\n", "  59 min\n  proven, in dev reverted  " + one.Subject + "\n", "  59 min\n  new\n"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("%q is not in\n%s", words, out.String())
		}
	}
}

func TestAttemptsFitATerminal(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	at := func(ago time.Duration) time.Time { return now.Add(-ago) }
	list := []inventory.Attempt{
		{
			Run: "20260701T115200Z-00000001", Service: must(artifact.ParseServiceID("code-queue-scheduler")), Env: artifact.Prod, Commit: commitOf("a"), State: journal.Ended,
			Started: at(8 * time.Minute), Who: "somebody (1000)", Outcome: "refused", Reason: fault.Locked, Failure: "no grant\nand more",
		},
		{Run: "20260628T120000Z-00000001", Service: must(artifact.ParseServiceID("frontend")), Env: artifact.Dev, State: journal.Running, Point: "load", Started: at(3 * day), Command: "deploy-service frontend"},
	}
	var out strings.Builder
	if err := printAttempts(narrow(&out), list); err != nil {
		t.Fatal(err)
	}
	want := "CAME TO           SERVICE               ENV   COMMIT        WHEN       WHO\n" +
		"  RUN                        WHY IT FAILED, OR COMMAND\n" +
		"refused (LOCKED)  code-queue-scheduler  prod  aaaaaaaaaaaa  8 min ago  somebody…\n" +
		"  20260701T115200Z-00000001  no grant\n" +
		"running at load   frontend              dev                 3 d ago\n" +
		"  20260628T120000Z-00000001  deploy-service frontend\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestAFollowedLineIsAnObjectInJSON(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"text": "a \"b\"\nc\n", "json": `{"schemaVersion":1,"ok":true,"container":"web","line":"a \"b\""}` + "\n" + `{"schemaVersion":1,"ok":true,"container":"web","line":"c"}` + "\n"} {
		var out strings.Builder
		if err := PrintOutput(&out, format, "web", []string{`a "b"`, "c"}); err != nil || out.String() != want {
			t.Errorf("%s: %q, %v", format, out.String(), err)
		}
	}
}

func TestAWideAnswerIsWhole(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	commit, subject := commitOf("a"), strings.Repeat("a long subject ", 10)
	list := []inventory.Past{{Receipt: ledger.Receipt{
		ID: "20260701T120000Z-0badcafe", Service: serviceID("baidu-netdisk"), Env: artifact.Prod, Commit: commit, Outcome: ledger.Succeeded,
		Finished: now.Add(-2 * day), Who: "somebody@a-machine-with-a-long-name",
	}, Subject: subject}}
	var text, wide bytes.Buffer
	answer := History(list)
	if err := answer.Print(&text, Text); err != nil {
		t.Fatal(err)
	}
	if err := answer.Print(&wide, Wide); err != nil {
		t.Fatal(err)
	}
	for _, whole := range []string{commit.String(), "2026-06-29T12:00:00Z", strings.TrimSpace(subject)} {
		if !strings.Contains(wide.String(), whole) || strings.Contains(text.String(), whole) {
			t.Errorf("%s is in the wide answer alone:\n%s\n%s", whole, wide.String(), text.String())
		}
	}
}
