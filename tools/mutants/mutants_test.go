package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module writes a module with a function, a test, and seeds.
func module(t *testing.T, test, seeds string) (args []string) {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module example.test/m\n\ngo 1.26\n",
		"p/gate.go":      "package p\n\nfunc open(granted bool) bool {\n\treturn granted\n}\n\nfunc twice() []int { return []int{1, 1} }\n",
		"p/gate_test.go": "package p\n\nimport \"testing\"\n\n" + test,
		"seeds/gate.txt": "file p/gate.go\ntest ./p\n" + seeds,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"-root", root, "-seeds", filepath.Join(root, "seeds")}
}

const sharp = "func TestOpen(t *testing.T) {\n\tif open(false) || !open(true) {\n\t\tt.Error(\"wrong\")\n\t}\n}\n"

func TestEachVerdict(t *testing.T) {
	for name, c := range map[string]struct{ test, seed, want string }{
		"a fault that a test sees":      {sharp, "the gate is open :: return granted => return true", "caught    gate: the gate is open (p TestOpen;"},
		"a fault that no test sees":     {"func TestNothing(*testing.T) {}\n", "the gate is open :: return granted => return true", "LIVE      gate: the gate is open (all tests pass;"},
		"a test that panics":            {sharp, "it panics :: return granted => panic(granted)", "caught    gate: it panics (p TestOpen;"},
		"a text that is gone":           {sharp, "gone :: return given => return true", `BROKEN    gate: gone ("return given" is in p/gate.go 0 times, want once;`},
		"a text that is there twice":    {sharp, "two :: 1 => 2", `BROKEN    gate: two ("1" is in p/gate.go 2 times, want once;`},
		"a fault that does not compile": {sharp, "no Go :: return granted => return", "BROKEN    gate: no Go (the fault does not compile: "},
		"a text of several lines":       {sharp, `open :: bool {\n\treturn granted => bool {\n\treturn true`, "caught    gate: open (p TestOpen;"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), module(t, c.test, c.seed+"\n"), &out)
			if caught := strings.HasPrefix(c.want, "caught"); caught != (err == nil) || !strings.Contains(out.String(), c.want) {
				t.Errorf("error %v, want %q in:\n%s", err, c.want, out.String())
			}
		})
	}
}

// A machine that is busy lets no fault pass for caught.
func TestATimeoutAloneIsNoVerdict(t *testing.T) {
	hangsOnce := "import \"os\"\n\nfunc TestOpen(*testing.T) {\n\tif _, err := os.Stat(\"hung\"); err == nil || !open(false) {\n\t\treturn\n\t}\n" +
		"\t_ = os.WriteFile(\"hung\", nil, 0o600)\n\tselect {}\n}\n"
	args := append(module(t, hangsOnce, "open :: return granted => return true\n"), "-timeout", "10s")
	var out bytes.Buffer
	if err := run(t.Context(), args, &out); err == nil || !strings.Contains(out.String(), "LIVE      gate: open ") {
		t.Errorf("%v, want the fault alive in:\n%s", err, out.String())
	}
}

func TestTestsThatFailAnywayProveNothing(t *testing.T) {
	var out bytes.Buffer
	args := module(t, "func TestRed(t *testing.T) { t.Error(1) }\n", "the gate is open :: return granted => return true\n")
	if err := run(t.Context(), args, &out); err == nil || !strings.Contains(err.Error(), "p TestRed") {
		t.Errorf("%v, want the test that fails without a fault", err)
	}
}

func TestASeedThatIsNoSeedIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no arrow":        "file a.go\ntest ./a\nname :: old",
		"no name":         "file a.go\ntest ./a\nold => new",
		"no old text":     "file a.go\ntest ./a\nname ::  => new",
		"no file":         "test ./a\nname :: old => new",
		"no packages":     "file a.go\nname :: old => new",
		"an unknown word": "files a.go",
	} {
		if seeds, err := parseSeeds("g", text); err == nil || !strings.Contains(err.Error(), "g.txt:") {
			t.Errorf("%s: %+v, %v", name, seeds, err)
		}
	}
	seeds, err := parseSeeds("g", "# why\nfile a.go\ntest ./a ./b\n\ngone :: a && =>\n"+`slash :: "\\n" => "\\t"`+"\n")
	if err != nil || len(seeds) != 2 || seeds[0].old != "a &&" || seeds[0].new != "" || seeds[1].old != `"\n"` || seeds[1].new != `"\t"` ||
		!slices.Equal(seeds[1].packages, []string{"./a", "./b"}) {
		t.Errorf("%+v, %v", seeds, err)
	}
}

// The list must not shrink unseen.
func TestTheTreeHasSeeds(t *testing.T) {
	count := map[string]int{}
	seeds, err := readSeeds("seeds", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range seeds {
		if text, err := os.ReadFile(filepath.Join("..", "..", s.file)); err != nil || strings.Count(string(text), s.old) != 1 {
			t.Errorf("%s: %q is not once in %s (%v)", s.name, s.old, s.file, err)
		}
		count[s.group]++
	}
	for _, group := range []string{"contract", "deploy", "confirm", "proof", "placement", "statefile", "envfile", "workload"} {
		if count[group] == 0 {
			t.Errorf("no seeds for %s", group)
		}
	}
	if len(seeds) < 40 {
		t.Errorf("%d seeds, want at least 40", len(seeds))
	}
}
