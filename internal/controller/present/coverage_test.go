package present

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func joined(t *testing.T) inventory.ThreeWay {
	t.Helper()
	entries := []unidesk.Declared{
		{Service: serviceID("frontend"), Kind: "source-build"},
		{Service: serviceID("todo-note")},
		{Service: serviceID("baidu-netdisk"), Kind: "upstream-image", Upstream: "x:1"},
		{Service: serviceID("postgres"), Kind: "upstream-image", Upstream: "postgres:16", Digest: artifact.DigestOf(nil)},
	}
	services := builtin(t)
	return inventory.ThreeWay{HasCI: true, Items: inventory.Cover(entries, services, inventory.Shelves(t.Context(), registryOf, services), []ledger.Receipt{
		receiptOf("frontend", artifact.Prod, "e", ledger.Reverted),
		receiptOf("frontend", artifact.Prod, "a", ledger.Succeeded),
		receiptOf("frontend", artifact.Prod, "c", ledger.Succeeded),
		receiptOf("todo-note", artifact.Prod, "1", ledger.Succeeded),
		receiptOf("frontend", artifact.Dev, "b", ledger.Degraded),
		receiptOf("oa-event-flow", artifact.Prod, "2", ledger.Succeeded),
		receiptOf("gone", artifact.Dev, "3", ledger.Succeeded),
	})}
}

func TestTheThreeAreShownSideBySide(t *testing.T) {
	t.Parallel()
	ccc, aaa := strings.Repeat("c", 12), strings.Repeat("a", 12)
	want := [][]string{
		{"baidu-netdisk", "coverage only", "none", "-", "-", ""},
		{"frontend", "source-build", "3, newest " + ccc + " (2 h)", aaa + "?", "-", ""},
		{"gone", "-", "-", "-", strings.Repeat("3", 12) + "?", "not in services.yaml"},
		{"oa-event-flow", "-", "?", strings.Repeat("2", 12) + "?", "-", ""},
		{"postgres", "coverage only", "-", "-", "-", "not in services.yaml"},
		{"project-manager", "-", "none", "-", "-", ""},
		{"todo-note", "yes", "1, newest " + strings.Repeat("d", 12) + " (30 min)", strings.Repeat("1", 12) + "?", "-", "prod's commit is no longer in the registry"},
	}
	if diff := cmp.Diff(want, narrow(nil).coverageLines(joined(t))); diff != "" {
		t.Error(diff)
	}
}

func TestAColumnThatIsNotKnownSaysSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*inventory.ThreeWay)
		want  []string
	}{
		"no CI.json":          {func(w *inventory.ThreeWay) { w.HasCI = false }, []string{"no CI.json", "aaaaaaaaaaaa?"}},
		"an unread CI.json":   {func(w *inventory.ThreeWay) { w.NoCI = true }, []string{"?", "aaaaaaaaaaaa?"}},
		"an unread ledger":    {func(w *inventory.ThreeWay) { w.NoLedger, w.Items[1].Proven = true, nil }, []string{"source-build", "?"}},
		"nothing of all that": {func(*inventory.ThreeWay) {}, []string{"source-build", "aaaaaaaaaaaa?"}},
	} {
		w := joined(t)
		c.spoil(&w)
		line := narrow(nil).coverageLines(w)[1]
		if diff := cmp.Diff(c.want, []string{line[1], line[3]}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWhatRunsIsShownAsItsHostShowsIt(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	for name, c := range map[string]struct {
		running workload.Running
		word    string
		note    string
	}{
		"what was proven":             {workload.Running{Known: true, Commit: a, Text: "x"}, a[:12], ""},
		"another":                     {workload.Running{Known: true, Commit: b, Text: "x"}, b[:12], "prod was proven at " + a[:12]},
		"its environment differs":     {workload.Running{Known: true, Commit: b, Text: "it runs b, its environment says a", Seen: now, Differs: true}, b[:12], "prod: it runs b, its environment says a, seen 12:00:00Z"},
		"nothing":                     {workload.Running{Known: true, Text: "frontend: no container"}, "none", "prod: frontend: no container"},
		"its host could not be asked": {workload.NotKnown("D601", "not known"), a[:12] + "?", ""},
	} {
		w := joined(t)
		w.Items[1].Running = map[artifact.Env]workload.Running{artifact.Prod: c.running}
		line := narrow(nil).coverageLines(w)[1]
		if line[3] != c.word || !strings.HasPrefix(line[5], c.note) || c.note == "" && line[5] != "" {
			t.Errorf("%s: %q, want %q, %q", name, line, c.word, c.note)
		}
	}
}
