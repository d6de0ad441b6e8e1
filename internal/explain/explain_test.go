package explain_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

var update = flag.Bool("update", false, "write docs/reasons.md")

// reasons are the constants of package fault.
func reasons(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../fault/fault.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
				names = append(names, strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`))
			}
		}
		return true
	})
	if len(names) < 50 {
		t.Fatalf("only %d reasons", len(names))
	}
	slices.Sort(names)
	return names
}

func TestEachReasonIsExplainedOnce(t *testing.T) {
	t.Parallel()
	want, got := reasons(t), explain.Names()
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("no entry explains %s: write it in table.go", name)
		}
	}
	for i, name := range got {
		if !slices.Contains(want, name) || i > 0 && got[i-1] == name {
			t.Errorf("the entry of %s is of no reason, or the second", name)
		}
	}
	mark := regexp.MustCompile(`(^|[^^])\{`) // not of 'NAME^{commit}'
	for _, e := range explain.All() {
		for _, text := range []string{e.Cause, e.Repair} {
			if !strings.HasSuffix(text, ".") || strings.ContainsAny(text, "|\n") || mark.MatchString(text) {
				t.Errorf("%s: %q is no sentence, has an unknown mark, or breaks the table", e.Reason, text)
			}
		}
	}
}

func TestAReasonIsFoundByItsName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]fault.Reason{"LOCKED": fault.Locked, "locked": fault.Locked, "disk-full": fault.DiskFull, "Disk_Full": fault.DiskFull} {
		if e, err := explain.Of(name); err != nil || e.Reason != want {
			t.Errorf("%s: %v, %v, want %s", name, e.Reason, err, want)
		}
	}
	for name, hint := range map[string]string{
		"DISKFULL": "did you mean DISK_FULL? `unidesk-controller explain` lists all", "grant": "did you mean GRANT_EXPIRED or GRANT_INVALID or GRANT_MISMATCH or GRANT_USED? ",
		"xyzzy": "`unidesk-controller explain` lists all", "": "`unidesk-controller explain` lists all",
	} {
		_, err := explain.Of(name)
		if fault.ReasonOf(err) != fault.Usage || !strings.HasPrefix(fault.HintOf(err), hint) {
			t.Errorf("%q: %v, hint %q, want USAGE and %q", name, err, fault.HintOf(err), hint)
		}
	}
}

func TestThePageIsMadeFromTheTable(t *testing.T) {
	t.Parallel()
	const path = "../../docs/reasons.md"
	if *update {
		if err := os.WriteFile(path, []byte(explain.Page()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != explain.Page() {
		t.Errorf("%v: docs/reasons.md is not made from the table: go test ./internal/explain -update", err)
	}
}
