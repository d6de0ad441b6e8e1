package tools_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// faultRow is a row of docs/faults.md: the fault, what was wrong, the tests.
var (
	faultRow   = regexp.MustCompile(`(?m)^\| ([A-Z]\d+(?:, [A-Z]\d+)*) \| ([^|]+) \| ([^|]+) \|$`)
	namedTests = regexp.MustCompile("`(Test\\w+)` \\(([\\w/]+_test\\.go)\\)")
)

func TestFaultsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := faultRow.FindAllStringSubmatch(string(text), -1)
	if lines := strings.Count(string(text), "\n| ") - 1; len(rows) != lines {
		t.Errorf("%d of %d rows have a fault, what was wrong, and tests", len(rows), lines)
	}
	seen := map[string]bool{}
	for _, row := range rows {
		for id := range strings.SplitSeq(row[1], ", ") {
			if seen[id] {
				t.Errorf("%s has two rows", id)
			}
			seen[id] = true
		}
		named := namedTests.FindAllStringSubmatch(row[3], -1)
		if rest := strings.Trim(namedTests.ReplaceAllString(row[3], ""), " ,"); len(named) == 0 || rest != "" {
			t.Errorf("%s: want `TestName` (path/file_test.go), several separated by commas, got %q", row[1], row[3])
		}
		exist(t, row[1], named)
	}
}

// exist checks that each named test is in its file.
func exist(t *testing.T, where string, named [][]string) {
	t.Helper()
	for _, test := range named {
		source, err := os.ReadFile(filepath.Join("..", test[2]))
		if err != nil || !strings.Contains(string(source), "\nfunc "+test[1]+"(") {
			t.Errorf("%s: no %s in %s (%v)", where, test[1], test[2], err)
		}
	}
}

// Each item of docs/security.md is a promise with its tests, or is marked as none.
func TestSecurityNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sections, _ := strings.Cut(string(text), "\n## ")
	promises, none := 0, 0
	for i, line := range strings.Split("## "+sections, "\n") {
		said, item := strings.CutPrefix(line, "- ")
		named := namedTests.FindAllStringSubmatch(said, -1)
		switch {
		case line == "" || strings.HasPrefix(line, "## "):
		case !item:
			t.Errorf("%q is no item", line)
		case strings.HasPrefix(said, "Accepted: ") || strings.HasPrefix(said, "Not a promise: "):
			none++
		case len(named) == 0:
			t.Errorf("item %d names no test: %q", i, said)
		default:
			promises++
			exist(t, said, named)
		}
	}
	if promises < 20 || none < 10 {
		t.Errorf("only %d promises, and %d items that are none", promises, none)
	}
}
