package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var small = limits{
	roomLines: 26, fileLines: 13, ordered: []string{"internal/brain"}, hub: "internal/words.Word", mentions: 3,
}

// town writes the module of testdata with some files changed or added; an empty text
// takes a file away.
func town(t *testing.T, changes map[string]string) (root string) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/town.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	root = t.TempDir()
	for name, text := range changes {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); text != "" && err != nil {
			t.Fatal(err)
		} else if text == "" {
			_ = os.Remove(path)
		}
	}
	return root
}

func findings(t *testing.T, root string, limit limits) []string {
	t.Helper()
	rooms, err := load(root, "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "layout.md"))
	if err != nil {
		t.Fatal(err)
	}
	return check(rooms, parseLayout(string(text)), limit)
}

const table = "| package | holds | imports |\n|---|---|---|\n"

func TestEachFinding(t *testing.T) {
	const (
		cmd   = "| `cmd` | | anything above |\n"
		words = "| `internal/words` | | nothing |\n"
		brain = "| `internal/brain` | | words |\n"
		hands = "| `internal/hands` | | words |\n"
	)
	for name, c := range map[string]struct {
		changes map[string]string
		limit   func(*limits)
		want    []string
	}{
		"all holds": {},
		"a long file": {
			changes: map[string]string{"internal/words/long.go": "package words\n" + strings.Repeat("//\n", 13)},
			want:    []string{"internal/words/long.go has 14 lines, at most 13 are allowed"},
		},
		"a large room": {
			changes: map[string]string{"internal/words/a.go": "package words\n" + strings.Repeat("//\n", 12), "internal/words/b.go": "package words\n" + strings.Repeat("//\n", 12)},
			want:    []string{"internal/words has 31 lines, at most 26 are allowed"},
		},
		"a large room that may be": {
			changes: map[string]string{"internal/words/a.go": "package words\n" + strings.Repeat("//\n", 12), "internal/words/b.go": "package words\n" + strings.Repeat("//\n", 12)},
			limit:   func(l *limits) { l.large = []string{"internal/words"} },
		},
		"a type that too many mention": {
			limit: func(l *limits) { l.mentions = 1 },
			want:  []string{"2 files mention internal/words.Word, 1 to 1 are allowed: internal/brain/brain.go, internal/hands/hands.go"},
		},
		"a type that is gone": {
			limit: func(l *limits) { l.hub = "internal/words.Gone" },
			want:  []string{"0 files mention internal/words.Gone, 1 to 3 are allowed: nothing"},
		},
		"an arrow back inside": {
			changes: map[string]string{"internal/brain/step.go": "package brain\n\ntype step struct{}\n\nfunc (step) word() (w word) { _ = len(string(Decide())); return w }\n\ntype word = string\n"},
			want:    []string{"internal/brain/step.go:5 uses Decide of brain.go, which stands above it"},
		},
		"a method is an arrow, too": {changes: map[string]string{
			"internal/brain/step.go": "package brain\n\ntype step struct{}\n",
			"internal/brain/more.go": "package brain\n\nfunc (step) word() (w string) { return w }\n",
			"internal/brain/brain.go": "// Package brain decides.\n//\n// Files, from the top: more.go, brain.go, step.go.\npackage brain\n\nimport \"example.test/town/internal/words\"\n\n" +
				"// Decide decides.\nfunc Decide() (w words.Word) { _ = step{}.word; return w }\n",
		}, want: []string{"internal/brain/brain.go:9 uses word of more.go, which stands above it"}},
		"a file without a floor": {
			changes: map[string]string{"internal/brain/new.go": "package brain\n"},
			want:    []string{"internal/brain/new.go is not in the order that the package comment declares"},
		},
		"a floor without a file": {
			changes: map[string]string{"internal/brain/step.go": "", "internal/brain/brain.go": "// Package brain decides.\n//\n// Files, from the top: brain.go, step.go.\npackage brain\n\nimport \"example.test/town/internal/words\"\n\n// Decide decides.\nfunc Decide() (w words.Word) { return w }\n"},
			want:    []string{"internal/brain: the package comment names step.go, which is not there"},
		},
		"no floors": {
			limit: func(l *limits) { l.ordered = []string{"internal/brain", "internal/hands"} },
			want:  []string{"internal/hands: its package comment declares no order (`Files, from the top: a.go, b.go.`)"},
		},
		"an ordered room that is gone": {
			limit: func(l *limits) { l.ordered = []string{"internal/gone"} },
			want:  []string{"there is no package internal/gone, whose files must have an order"},
		},
		"a room without a row": {
			changes: map[string]string{"internal/words/sub/sub.go": "package sub\n"},
			want:    []string{"internal/words/sub has no row in docs/layout.md"},
		},
		"a row without a room": {
			changes: map[string]string{"docs/layout.md": table + words + brain + hands + "| `internal/gone` | | nothing |\n" + cmd + "| `test/story` | | cmd |\n"},
			want:    []string{"docs/layout.md has a row for internal/gone, which is not there"},
		},
		"an arrow back": {
			changes: map[string]string{"docs/layout.md": table + brain + words + hands + cmd},
			want:    []string{"internal/brain imports internal/words, whose row in docs/layout.md is below its own"},
		},
		"an import that is not allowed": {
			changes: map[string]string{"docs/layout.md": table + words + "| `internal/brain` | | nothing |\n" + hands + cmd},
			want:    []string{"internal/brain imports words, which its row in docs/layout.md does not allow"},
		},
		"an import that is gone": {
			changes: map[string]string{"docs/layout.md": table + words + brain + "| `internal/hands` | | brain, words |\n" + cmd},
			want:    []string{"the row of internal/hands in docs/layout.md has the import brain, which is not there"},
		},
		"the order binds a room that may import anything": {
			changes: map[string]string{"docs/layout.md": table + words + brain + cmd + hands},
			want:    []string{"cmd/town imports internal/hands, whose row in docs/layout.md is below its own"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limit := small
			if c.limit != nil {
				c.limit(&limit)
			}
			if got := findings(t, town(t, c.changes), limit); !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestTheTableIsWritten(t *testing.T) {
	wrong := table + "| `internal/words` | the words | brain |\n| `internal/brain` | decides | |\n| `internal/hands` | acts | nothing |\n| `cmd` | wires | anything above |\n| `tools` | none of ours | |\n"
	root := town(t, map[string]string{"docs/layout.md": "# Layout\n\n" + wrong + "\nThe end.\n"})
	if err := run([]string{"-root", root, "-write"}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "docs", "layout.md"))
	want := "# Layout\n\n" + table + "| `internal/words` | the words | nothing |\n| `internal/brain` | decides | words |\n| `internal/hands` | acts | words |\n| `cmd` | wires | anything above |\n| `tools` | none of ours | |\n" + "\nThe end.\n"
	if err != nil || string(got) != want {
		t.Errorf("%s (%v)\nwant %s", got, err, want)
	}
}

// The limits of this repository are not the town's.
func TestALimitThatIsBrokenEndsWithAnError(t *testing.T) {
	root := town(t, nil)
	var out bytes.Buffer
	if err := run([]string{"-root", root}, &out); err == nil {
		t.Errorf("no error: %s", out.String())
	}
	if err := run([]string{"-root", root, "-print"}, &out); err != nil {
		t.Error(err)
	}
	if line := strings.Join(strings.Fields(lineOf(out.String(), "internal/brain")), " "); line != "internal/brain 17 2 1 2 0 internal/words" {
		t.Errorf("%q", line)
	}
}

func lineOf(text, begin string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, begin) {
			return line
		}
	}
	return ""
}

func TestFilesInACircleStandOnOneFloor(t *testing.T) {
	r := room{
		files:  []file{{name: "a.go"}, {name: "b.go"}, {name: "c.go"}, {name: "d.go"}},
		arrows: []arrow{{from: "a.go", to: "b.go"}, {from: "b.go", to: "c.go"}, {from: "c.go", to: "b.go"}, {from: "c.go", to: "d.go"}},
	}
	if floors, circled := r.floors(); floors != 3 || circled != 2 {
		t.Errorf("%d floors, %d files in circles, want 3 and 2", floors, circled)
	}
}
