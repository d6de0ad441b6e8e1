package ledger_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

func receipt(t *testing.T, id, commit string, outcome ledger.Outcome, at int) ledger.Receipt {
	t.Helper()
	service, err := artifact.ParseServiceID("web")
	if err != nil {
		t.Fatal(err)
	}
	c, err := artifact.ParseCommit(strings.Repeat(commit, 40))
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Receipt{ID: id, Service: service, Env: artifact.Prod, Commit: c, Outcome: outcome, Started: time.Unix(int64(at), 0).UTC()}
}

func TestAPendingReceiptIsNoHistoryUntilItIsEnacted(t *testing.T) {
	t.Parallel()
	l := ledger.Open(t.TempDir())
	r := receipt(t, "1", "a", ledger.Succeeded, 1)
	if err := l.Prepare(r); err != nil {
		t.Fatal(err)
	}
	if h, err := l.History(0, ""); err != nil || len(h) != 0 {
		t.Errorf("history %v, %v", h, err)
	}
	if p, err := l.Pending(); err != nil || len(p) != 1 {
		t.Errorf("pending %v, %v", p, err)
	}
	if _, err := l.Enact(r); err != nil {
		t.Fatal(err)
	}
	if p, err := l.Pending(); err != nil || len(p) != 0 {
		t.Errorf("pending %v, %v", p, err)
	}
	got, err := l.Get("1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got, cmp.AllowUnexported(artifact.Commit{}, artifact.ServiceID{}, artifact.Digest{}, artifact.Repository{})); diff != "" {
		t.Error(diff)
	}
}

func TestProvenLeavesOutWhatIsNotToGoBackTo(t *testing.T) {
	t.Parallel()
	l := ledger.Open(t.TempDir())
	for _, r := range []ledger.Receipt{
		receipt(t, "1", "a", ledger.Succeeded, 1), receipt(t, "2", "b", ledger.Degraded, 2), receipt(t, "3", "c", ledger.Reverted, 3),
		receipt(t, "4", "d", ledger.Succeeded, 4), receipt(t, "5", "a", ledger.Succeeded, 5),
	} {
		if _, err := l.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	commits, err := l.Proven(artifact.Prod, "web")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range commits {
		got = append(got, c.String()[:1])
	}
	if diff := cmp.Diff([]string{"a", "d"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestABrokenReceiptIsNotPassedOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := ledger.Open(dir)
	if _, err := l.Record(receipt(t, "1", "a", ledger.Succeeded, 1)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "prod", "web", "2.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.History(0, ""); fault.ReasonOf(err) != fault.LedgerUnavailable {
		t.Errorf("%v", err)
	}
}

func TestNoReceiptOfThatID(t *testing.T) {
	t.Parallel()
	if _, err := ledger.Open(t.TempDir()).Get("../../etc/passwd"); fault.ReasonOf(err) != fault.ReceiptNotFound {
		t.Errorf("%v", err)
	}
}

func TestTheHolderOfALockIsToldWithoutTakingIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := ledger.Open(dir)
	if got := l.Holder(artifact.Prod, "web"); got != "" {
		t.Errorf("before any run: %q", got)
	}
	unlock, err := l.Lock(artifact.Prod, "web", "alice, deploy of x")
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Holder(artifact.Prod, "web"); got != "alice, deploy of x" {
		t.Errorf("while it is held: %q", got)
	}
	if got := l.Killed(); got != nil {
		t.Errorf("while it is held: %v", got)
	}
	if diff := cmp.Diff([]ledger.Held{{Env: artifact.Prod, Service: "web", Holder: "alice, deploy of x"}}, l.Going()); diff != "" {
		t.Error(diff)
	}
	unlock()
	if got := l.Holder(artifact.Prod, "web"); got != "" {
		t.Errorf("after it: %q", got)
	}
	// A run that was killed leaves its name, and no lock.
	if err := os.WriteFile(filepath.Join(dir, "prod", "web", ".lock"), []byte("bob\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := l.Holder(artifact.Prod, "web"); got != "" {
		t.Errorf("after a kill: %q", got)
	}
	if diff := cmp.Diff([]ledger.Held{{Env: artifact.Prod, Service: "web", Holder: "bob"}}, l.Killed()); diff != "" {
		t.Error(diff)
	}
	if got := l.Going(); got != nil {
		t.Errorf("after a kill: %v", got)
	}
	if unlock, err = l.Lock(artifact.Prod, "web", "carol"); err != nil {
		t.Fatal(err)
	}
	unlock()
	if got := l.Killed(); got != nil {
		t.Errorf("after another run: %v", got)
	}
}
