package envfile_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// content writes c to a file and returns what is in it: the package itself does
// not give it away.
func content(t *testing.T, c envfile.Content) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(name, []byte("X=to be replaced"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := envfile.Update(t.Context(), name, func(envfile.Content) (envfile.Content, error) { return c, nil }); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func parse(t *testing.T, text string) envfile.Content {
	t.Helper()
	c, err := envfile.Parse("test.env", []byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return c
}

func TestEditChangesTheKeysAndNothingElse(t *testing.T) {
	t.Parallel()
	set := map[string]string{"K_COMMIT": "new", "K_DIGEST": "sha256:1"}
	for name, tt := range map[string]struct{ before, after string }{
		"an empty file":               {"", "K_COMMIT=new\nK_DIGEST=sha256:1\n"},
		"keys that are not there":     {"A=1\n", "A=1\nK_COMMIT=new\nK_DIGEST=sha256:1\n"},
		"no line break at the end":    {"A=1", "A=1\nK_COMMIT=new\nK_DIGEST=sha256:1"},
		"Windows line breaks":         {"A=1\r\nK_COMMIT=old\r\n", "A=1\r\nK_COMMIT=new\r\nK_DIGEST=sha256:1\r\n"},
		"in the middle":               {"K_COMMIT=old\nA=1\nK_DIGEST=\n# end\n", "K_COMMIT=new\nA=1\nK_DIGEST=sha256:1\n# end\n"},
		"export, spaces, a comment":   {"export K_COMMIT = old # why\nK_DIGEST: x\n", "export K_COMMIT = new # why\nK_DIGEST: sha256:1\n"},
		"quotes stay":                 {"K_COMMIT='old'\nK_DIGEST=\"x\" # y\n", "K_COMMIT='new'\nK_DIGEST=\"sha256:1\" # y\n"},
		"the last one counts":         {"K_COMMIT=1\nK_COMMIT=2\nK_DIGEST=\n", "K_COMMIT=1\nK_COMMIT=new\nK_DIGEST=sha256:1\n"},
		"in a comment is not there":   {"# K_COMMIT=old\n", "# K_COMMIT=old\nK_COMMIT=new\nK_DIGEST=sha256:1\n"},
		"in a value is not there":     {"A='\nK_COMMIT=old\n'\n", "A='\nK_COMMIT=old\n'\nK_COMMIT=new\nK_DIGEST=sha256:1\n"},
		"a name alone is not a value": {"K_COMMIT\nK_DIGEST=\n", "K_COMMIT\nK_DIGEST=sha256:1\nK_COMMIT=new\n"},
		"behind another one":          {"A=\"1\" K_COMMIT=old\nK_DIGEST=\n", "A=\"1\" K_COMMIT=new\nK_DIGEST=sha256:1\n"},
		"several lines become one":    {"K_COMMIT=\"a\nb\"\nK_DIGEST=\n", "K_COMMIT=\"new\"\nK_DIGEST=sha256:1\n"},
		"a byte order mark":           {"\uFEFFK_COMMIT=old\nK_DIGEST=\n", "\uFEFFK_COMMIT=new\nK_DIGEST=sha256:1\n"},
		"others refer to it":          {"K_COMMIT=old\nTAG=x:${K_COMMIT}\nK_DIGEST=\n", "K_COMMIT=new\nTAG=x:${K_COMMIT}\nK_DIGEST=sha256:1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after, undo, err := envfile.Edit(parse(t, tt.before), set)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.after, content(t, after)); d != "" {
				t.Error(d)
			}
			back, err := undo.Revert(after)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.before, content(t, back)); d != "" {
				t.Errorf("reverted: %s", d)
			}
		})
	}
}

func TestAnEmptyValueBeforeACommentIsEmpty(t *testing.T) {
	t.Parallel()
	after, undo, err := envfile.Edit(parse(t, "K=old # why\n"), map[string]string{"K": ""})
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, after); got != "K=\"\" # why\n" {
		t.Errorf("%q", got)
	}
	back, err := undo.Revert(after)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, back); got != "K=old # why\n" {
		t.Errorf("%q", got)
	}
}

func TestTakingBackLeavesWhatOthersChangedMeanwhile(t *testing.T) {
	t.Parallel()
	set := map[string]string{"K_COMMIT": "new", "K_DIGEST": "x"}
	for name, tt := range map[string]struct{ before, meanwhile, want string }{
		"a line behind ours":       {"A=1\nK_COMMIT=old\n", "A=1\nK_COMMIT=new\nK_DIGEST=x\nB=2\n", "A=1\nK_COMMIT=old\nB=2\n"},
		"a line before ours":       {"A=1\n", "Z=0\nA=1\nK_COMMIT=new\nB=2\nK_DIGEST=x\n", "Z=0\nA=1\nB=2\n"},
		"a line break was missing": {"A=1", "A=1\nK_COMMIT=new\nK_DIGEST=x\nB=2\n", "A=1\nB=2\n"},
		"another one is changed":   {"A=1\nK_COMMIT='old'\n", "A=77\nK_COMMIT='new'\nK_DIGEST=x\n", "A=77\nK_COMMIT='old'\n"},
		"ours is gone":             {"A=1\nK_COMMIT=old\n", "A=1\n", "A=1\nK_COMMIT=old\n"},
		"ours was never there":     {"A=1\n", "A=2\n", "A=2\n"},
		"ours is changed":          {"A=1\nK_COMMIT=old\n", "A=1\nK_COMMIT=other\nK_DIGEST=y\nK_DIGEST=z", "A=1\nK_COMMIT=old\n"},
		"ours is on a shared line": {"A=1\n", "A=\"1\" K_COMMIT=new\nK_DIGEST=x\n", "A=\"1\" \n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, undo, err := envfile.Edit(parse(t, tt.before), set)
			if err != nil {
				t.Fatal(err)
			}
			back, err := undo.Revert(parse(t, tt.meanwhile))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, content(t, back)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOnlyKeysAndValuesThatEveryParserReadsAlikeAreWritten(t *testing.T) {
	t.Parallel()
	for _, bad := range []map[string]string{
		{"K": "a b"},
		{"K": "a\nB=1"},
		{"K": "$A"},
		{"K": `"`},
		{"K": "#"},
		{"K": strings.Repeat("a", 257)},
		{"K": "é"},
		{"K": "a\\"},
		{"k": "a"},
		{"": "a"},
		{"A B": "a"},
		{"A\n": "a"},
		{"1A": "a"},
		{"A=": "a"},
	} {
		_, _, err := envfile.Edit(parse(t, "A=1\n"), bad)
		if fault.ReasonOf(err) != fault.InvalidRequest {
			t.Errorf("%q: %v", bad, err)
		}
		for _, v := range bad {
			if err != nil && len(v) > 1 && strings.Contains(err.Error(), v) {
				t.Errorf("%v quotes the value", err)
			}
		}
	}
}

// TestRandomFiles holds for files of all kinds of oddity what the table above
// holds for a few. A failing seed is to be put into the table.
func TestRandomFiles(t *testing.T) {
	t.Parallel()
	files := 10_000
	if testing.Short() {
		files = 500
	}
	edited := 0
	for seed := range uint64(files) {
		w := world{rand.New(rand.NewPCG(seed, 1))}
		if roundTrip(t, w.file(), w.assignments()) {
			edited++
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if edited < files/2 {
		t.Errorf("only %d of %d files could be edited: the test does not test much", edited, files)
	}
}

// roundTrip edits and reverts, and reports whether the file could be edited.
func roundTrip(t *testing.T, text string, set map[string]string) bool {
	t.Helper()
	c, err := envfile.Parse("test.env", []byte(text))
	if err != nil {
		if fault.ReasonOf(err) != fault.EnvFileInvalid {
			t.Errorf("%q: %v", text, err)
		}
		return false
	}
	after, undo, err := envfile.Edit(c, set)
	if err != nil {
		if fault.ReasonOf(err) != fault.EnvFileInvalid {
			t.Errorf("%q: %v", text, err)
		}
		return false
	}
	raw := envfile.Raw(after)
	was, now := library(t, text), library(t, string(raw))
	for k, v := range set {
		if now[k] != v {
			t.Errorf("%q: %s is %q, want %q, in %q", text, k, now[k], v, raw)
		}
		was[k] = v
	}
	for k, v := range was {
		if got, ok := now[k]; !ok || got != v && !strings.Contains(text, "$") {
			t.Errorf("%q: %s was %q and is %q, in %q", text, k, v, got, raw)
		}
	}
	for k := range now {
		if _, ok := was[k]; !ok {
			t.Errorf("%q: %s is new, in %q", text, k, raw)
		}
	}
	untouched(t, text, string(raw))
	back, err := undo.Revert(after)
	if err != nil || !bytes.Equal(envfile.Raw(back), []byte(text)) {
		t.Errorf("%q came back as %q (%v)", text, envfile.Raw(back), err)
	}
	if same, err := undo.Revert(c); err != nil || !bytes.Equal(envfile.Raw(same), []byte(text)) {
		t.Errorf("%q: reverted before it was written: %q (%v)", text, envfile.Raw(same), err)
	}
	if again, _, err := envfile.Edit(after, set); err != nil || !bytes.Equal(envfile.Raw(again), raw) {
		t.Errorf("%q: a second edit changes it: %q and %q (%v)", text, raw, envfile.Raw(again), err)
	}
	return true
}

// untouched checks that the lines without a key of ours are all there, byte for byte
// and in their order. If a value may have several lines, the revert of an edit shows
// it: an undo holds nothing but the old values.
func untouched(t *testing.T, before, after string) {
	t.Helper()
	if strings.ContainsAny(before, `"'`) {
		return
	}
	if eol := strings.Repeat("\r", min(1, strings.Count(before, "\r\n"))) + "\n"; !strings.HasSuffix(before, "\n") {
		before, after = before+eol, after+eol // the last line may have got a break like the others'
	}
	rest := strings.Split(after, "\n")
	for line := range strings.SplitSeq(before, "\n") {
		if strings.Contains(line, prefix) || strings.TrimRight(line, "\r") == "" {
			continue
		}
		i := slices.Index(rest, line)
		if i < 0 {
			t.Errorf("%q: line %q is changed or moved, in %q", before, line, after)
			return
		}
		rest = rest[i+1:]
	}
}

// library reads a file with compose-go alone.
func library(t *testing.T, text string) map[string]string {
	t.Helper()
	m, err := dotenv.ParseWithLookup(strings.NewReader(text), func(k string) (string, bool) {
		return "/", k == "HOME" || k == "PATH" || k == "PWD"
	})
	if err != nil {
		t.Errorf("%q: the library does not read it: %v", text, err)
	}
	delete(m, "")
	return m
}

func FuzzEnvEdit(f *testing.F) {
	for seed := range uint64(200) {
		w := world{rand.New(rand.NewPCG(seed, 2))}
		f.Add(w.file(), "0123abc")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		if len(text) > 4096 || strings.ContainsFunc(value, func(r rune) bool { return !strings.ContainsRune("abcdef0123456789:/@._-+", r) }) || len(value) > 256 {
			t.Skip()
		}
		roundTrip(t, text, map[string]string{prefix + "COMMIT": value, prefix + "DIGEST": "x"})
	})
}

// FuzzEnvParse compares what we read with what Compose reads.
func FuzzEnvParse(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(world{rand.New(rand.NewPCG(seed, 3))}.file())
	}
	f.Add(":${A?}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := envfile.Parse("test.env", []byte(text))
		if err != nil || strings.Count(text, "$") > 1 {
			return // a name in two forms is read only nearly as Compose does: see evaluate
		}
		for k, v := range library(t, text) {
			if got, ok := c.Lookup(k); !ok || got != v {
				t.Errorf("%q: %q is %q, Compose reads %q", text, k, got, v)
			}
		}
	})
}
