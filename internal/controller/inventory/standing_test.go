package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// booked is a configuration whose ledger has these receipts, each newer than the last.
func booked(t *testing.T, receipts ...ledger.Receipt) site.Config {
	t.Helper()
	config := site.Config{State: t.TempDir()}
	for i, r := range receipts {
		r.ID = string(rune('1' + i))
		r.Started = now.AddDate(0, 0, i)
		if _, err := ledger.Open(config.LedgerDir()).Record(r); err != nil {
			t.Fatal(err)
		}
	}
	return config
}

func TestAShelfKnowsHowItsCommitsStand(t *testing.T) {
	t.Parallel()
	services := must(catalog.Builtin())
	rows := []catalog.Row{must(services.Row("todo-note")), must(services.Row("frontend"))}
	failed := receiptOf("frontend", artifact.Prod, "b", ledger.Reverted)
	failed.ProofFailed = true
	config := booked(t, receiptOf("frontend", artifact.Prod, "a", ledger.Succeeded), failed, receiptOf("frontend", artifact.Dev, "b", ledger.Succeeded))
	list := []Shelf{{}, {Artifacts: []Published{{Commit: commitOf("a")}, {Commit: commitOf("b")}, {Commit: commitOf("c")}}}}
	if err := Know(t.Context(), config, rows, list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range list[1].Artifacts {
		got = append(got, string(one.Standing[artifact.Prod])+", "+string(one.Standing[artifact.Dev]))
	}
	if diff := cmp.Diff([]string{"live, new", "rolled back, live", "new, new"}, got); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(config.LedgerDir(), "prod", "frontend", "x.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Know(t.Context(), config, rows, list); err == nil {
		t.Error("receipts that cannot be read show how a commit stands")
	}
}

func TestAReceiptIsRecalledWithHowItsCommitStandsNow(t *testing.T) {
	t.Parallel()
	all := []ledger.Receipt{
		receiptOf("todo-note", artifact.Prod, "a", ledger.Succeeded), receiptOf("frontend", artifact.Prod, "b", ledger.Succeeded), receiptOf("frontend", artifact.Prod, "a", ledger.Succeeded),
	}
	for _, services := range []*catalog.Catalog{nil, must(catalog.Builtin())} {
		var got []string
		for _, one := range Recall(t.Context(), site.Config{State: t.TempDir()}, services, all[1:], all) {
			got = append(got, one.Commit.Short()[:1]+" "+string(one.Standing))
		}
		if diff := cmp.Diff("b live, a proven", strings.Join(got, ", ")); diff != "" {
			t.Error(diff)
		}
	}
}
