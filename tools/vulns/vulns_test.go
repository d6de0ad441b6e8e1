package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// answer is what govulncheck prints of both binaries, and then more.
func answer(more ...string) []byte {
	return []byte(`{"config":{"scan_level":"symbol","scan_mode":"source","go_version":"go1.26.8"}}
{"SBOM":{"go_version":"go1.26.8","roots":["` + module + `/cmd/agent","` + module + `/cmd/controller"]}}
{"progress":{"message":"Checking"}}
{"osv":{"id":"GO-2026-0001","summary":"A hole"}}
{"osv":{"id":"GO-2026-0002","summary":"Another"}}
` + strings.Join(more, "\n"))
}

const (
	called = `{"finding":{"osv":"GO-2026-0001","fixed_version":"v1.2.3","trace":[` +
		`{"module":"example.org/m","version":"v1.2.2","package":"example.org/m/p","function":"Do","receiver":"*T"},` +
		`{"module":"` + module + `","package":"` + module + `/cmd/agent","function":"main"}]}}`
	imported = `{"finding":{"osv":"GO-2026-0002","trace":[{"module":"example.org/m","version":"v1.2.2","package":"example.org/m/q"}]}}`
)

func TestACalledAdvisoryNeedsAnException(t *testing.T) {
	t.Parallel()
	const reason = "only a daemon runs this code"
	for name, c := range map[string]struct {
		findings []string
		allowed  map[string]string
		oldest   string
		ofGo     []string
		want     []string // each in some broken rule
	}{
		"nothing is called":             {findings: []string{imported}},
		"one is called":                 {findings: []string{imported, called}, want: []string{"GO-2026-0001 (A hole) is in example.org/m v1.2.2: " + module + "/cmd/agent.main calls example.org/m/p.*T.Do; update it to v1.2.3"}},
		"one is called, with exception": {findings: []string{called}, allowed: map[string]string{"GO-2026-0001": reason}},
		"the exception of another":      {findings: []string{called}, allowed: map[string]string{"GO-2026-0002": reason}, want: []string{"GO-2026-0001 (A hole)", "GO-2026-0002 has an exception and is not called"}},
		"an exception of what is only imported": {
			findings: []string{imported}, allowed: map[string]string{"GO-2026-0002": reason},
			want: []string{"GO-2026-0002 has an exception and is not called"},
		},
		"an exception of Go's library, scanned with the oldest Go": {
			allowed: map[string]string{"GO-2026-0003": reason}, ofGo: []string{"GO-2026-0003"},
			want: []string{"GO-2026-0003 has an exception and is not called"},
		},
		"an exception of Go's library, scanned with a newer Go": {allowed: map[string]string{"GO-2026-0003": reason}, ofGo: []string{"GO-2026-0003"}, oldest: "go1.26.7"},
		"an exception of a module, scanned with a newer Go": {
			allowed: map[string]string{"GO-2026-0002": reason}, ofGo: []string{"GO-2026-0003"}, oldest: "go1.26.7",
			want: []string{"GO-2026-0002 has an exception and is not called"},
		},
	} {
		found, err := parse(answer(c.findings...))
		if err != nil {
			t.Fatal(err)
		}
		if c.oldest == "" {
			c.oldest = "go1.26.8"
		}
		got := judge(found, c.allowed, c.oldest, c.ofGo, io.Discard)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d rules are broken, want %d: %q", name, len(got), len(c.want), got)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: got %q, want %q in it", name, got[i], want)
			}
		}
	}
}

func TestAScanOfLessIsAnError(t *testing.T) {
	t.Parallel()
	whole := string(answer(called))
	for name, text := range map[string]string{
		"nothing":                "",
		"no JSON":                whole + "\npanic: oh",
		"half of the answer":     whole[:len(whole)-9],
		"packages only":          strings.Replace(whole, `"symbol"`, `"package"`, 1),
		"a binary":               strings.Replace(whole, `"source"`, `"binary"`, 1),
		"no controller":          strings.Replace(whole, "/cmd/controller", "/cmd/other", 1),
		"a finding of no module": whole + `{"finding":{"osv":"GO-2026-0002"}}`,
	} {
		if found, err := parse([]byte(text)); err == nil {
			t.Errorf("%s: no error, and %d advisories", name, len(found.called))
		}
	}
}

func TestAnExceptionHasAReason(t *testing.T) {
	t.Parallel()
	const good = "GO-2026-4883 only the daemon runs this code"
	for text, want := range map[string]int{
		"# why\n\n" + good + "\n":               1,
		"GO-2026-4883\n":                        -1,
		"GO-2026-4883 fine\n":                   -1,
		"CVE-2026-1 only the daemon runs this.": -1,
		good + "\n" + good:                      -1,
	} {
		name := filepath.Join(t.TempDir(), "exceptions.txt")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		allowed, err := readExceptions(name)
		if (err != nil) != (want < 0) || err == nil && len(allowed) != want {
			t.Errorf("%q: %d exceptions, %v, want %d", text, len(allowed), err, want)
		}
	}
}

func TestACopyHoldsTheAdvisoriesOfItsModules(t *testing.T) {
	t.Parallel()
	osv, dir := t.TempDir(), filepath.Join(t.TempDir(), "db")
	write := func(id, modified, module, fixed, more string) {
		text := fmt.Sprintf(`{"id": %q, "modified": %q, "affected": [{"package": {"name": %q}, "ranges": [{"events": [{"introduced": "0"}, {"fixed": %q}]}]}]%s}`, id, modified, module, fixed, more)
		if err := os.WriteFile(filepath.Join(osv, id+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const day = "2026-11-01T00:00:00Z"
	write("GO-2026-0001", day, "example.org/m", "1.2.3", "")
	write("GO-2026-0002", day, "example.org/other", "1.2.3", "")
	write("GO-2026-0003", day, "stdlib", "1.26.9", "")
	write("GO-2026-0004", day, "example.org/m", "1.2.3", `, "withdrawn": "2026-11-02T00:00:00Z"`)

	modules := []string{"example.org/m", "stdlib"}
	date := time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC)
	write("GO-2026-0005", day, "example.org/m", "1.2.3", "")
	const dropped = "GO-2026-0005.json"
	for range 2 { // the second replaces the first
		if err := writeCopy(dir, osv, "v0.0.0", date, modules); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(filepath.Join(osv, dropped))
	}
	if _, err := os.Stat(filepath.Join(dir, advisoryPath, dropped)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an advisory of the copy before is left: %v", err)
	}
	c, err := readCopy(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.advisories != 2 || !c.date.Equal(date) || !slices.Equal(c.ofGo, []string{"GO-2026-0003"}) {
		t.Errorf("the copy is %+v", c)
	}
	if got := c.lacks([]string{"example.org/m", "example.org/new"}); !slices.Equal(got, []string{"example.org/new"}) {
		t.Errorf("it lacks %q, want the new module", got)
	}
	index, err := os.ReadFile(filepath.Join(dir, modulesFile))
	if err != nil || !strings.Contains(string(index), `"fixed": "1.2.3"`) || strings.Contains(string(index), "other") {
		t.Errorf("the index of modules is %s (%v)", index, err)
	}
	if err := os.Remove(filepath.Join(dir, advisoryPath, "GO-2026-0001.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := readCopy(dir); err == nil {
		t.Error("a copy that lacks an advisory of its index is read")
	}
	if err := writeCopy(dir, t.TempDir(), "v0.0.0", date, modules); err == nil {
		t.Error("a source without advisories makes a copy")
	}
}

func TestTheCommittedCopyCoversGoSum(t *testing.T) {
	t.Parallel()
	modules, err := modulesOf("../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	c, err := readCopy("db")
	if err != nil {
		t.Fatal(err)
	}
	if missing := c.lacks(modules); len(missing) > 0 || c.advisories == 0 {
		t.Errorf("the copy has %d advisories and does not cover %q: run `make vulns-refresh`", c.advisories, missing)
	}
	if _, err := readExceptions("exceptions.txt"); err != nil {
		t.Error(err)
	}
}
