package hostile

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestThereAreEnoughOfEachKind(t *testing.T) {
	t.Parallel()
	all := Values()
	if len(all) < 1530 {
		t.Errorf("%d values, want 1530 at least: a third of them is 500", len(all))
	}
	if again := slices.Compact(slices.Sorted(slices.Values(all))); len(again) != len(all) {
		t.Errorf("%d of %d values are there twice", len(all)-len(again), len(all))
	}
	for kind, is := range map[string]func(string) bool{
		"empty":           func(s string) bool { return s == "" },
		"blank":           func(s string) bool { return s == " " },
		"a line":          func(s string) bool { return strings.Contains(s, "\n") },
		"a NUL":           func(s string) bool { return strings.Contains(s, "\x00") },
		"an escape":       func(s string) bool { return strings.Contains(s, "\x1b") },
		"no UTF-8":        func(s string) bool { return !utf8.ValidString(s) },
		"a flag":          func(s string) bool { return strings.HasPrefix(s, "--") },
		"a way up":        func(s string) bool { return strings.Contains(s, "../") },
		"1 MiB":           func(s string) bool { return len(s) == 1<<20 },
		"39 digits":       func(s string) bool { return len(s) == 39 && strings.Trim(s, "0123456789abcdef") == "" },
		"a command":       func(s string) bool { return strings.Contains(s, "$(") },
		"turned round":    func(s string) bool { return strings.Contains(s, "\u202e") },
		"a format's verb": func(s string) bool { return strings.Contains(s, "%n") },
	} {
		if !slices.ContainsFunc(all, is) {
			t.Errorf("nothing with %s", kind)
		}
	}
}
