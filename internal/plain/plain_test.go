package plain_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

func TestATerminalOnlyShowsTheText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		"grün ok":             {"grün ok", "grün ok"},
		"one\ntwo\n":          {"one\ntwo\n", "one?two?"},
		"a\tb":                {"a b", "a b"},
		"\x1b[31mred\a":       {"?[31mred?", "?[31mred?"},
		"a\r\nb":              {"a?\nb", "a??b"},
		"bid\u202ei":          {"bid?i", "bid?i"},
		"zero\u200bwidth":     {"zero?width", "zero?width"},
		"line\u2028par\u2029": {"line?par?", "line?par?"},
		"c1\u009bcsi":         {"c1?csi", "c1?csi"},
		"no \xff UTF-8":       {"no ? UTF-8", "no ? UTF-8"},
		" kept ":              {" kept ", " kept "},
	} {
		if got := [2]string{plain.Text(in), plain.Line(in)}; got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestWhatActsIsWrittenAsJSONWritesIt(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"grün\tok\n":    "grün\tok\n",
		"\x1b[31mred\a": `\u001b[31mred\u0007`,
		"bid\u202ei":    `bid\u202ei`,
		"tag\U000e0001": `tag\udb40\udc01`,
		"c1\u009bcsi":   `c1\u009bcsi`,
		"no \xff UTF-8": "no \ufffd UTF-8",
		"as is \\u202e": `as is \u202e`,
	} {
		if got := plain.Escaped(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestAShellReadsTheWordsThatWereQuoted(t *testing.T) {
	t.Parallel()
	words := []string{"plain-word_1./:@,+x=y", "", "=cmd", "it's", "a b", "$(id)", "`id`", "*", "~root", "a\nb", "é", `\`, "-n", "!x"}
	for _, v := range hostile.Values() {
		if !strings.ContainsRune(v, 0) && len(v) < 64<<10 { // what an argument can be
			words = append(words, v)
		}
	}
	for _, w := range words {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", plain.Command("printf", "%s", w)).Output()
		if err != nil || string(out) != w {
			t.Errorf("a shell reads %q as %q (%v)", plain.Quote(w), out, err)
		}
	}
	if got := plain.Quote("=cmd"); got != "'=cmd'" {
		t.Errorf("zsh looks for a program in %s", got)
	}
	if got := plain.Command("docker", "tag", "sha256:12", "a/b:c", "x y"); got != "docker tag sha256:12 a/b:c 'x y'" {
		t.Errorf("a person reads %s", got)
	}
}

func TestFiguresForPeople(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 26_900_000: "26.9 MB", 1 << 30: "1.07 GB", 75_902_100_000: "75.90 GB"} {
		if got := plain.Size(bytes); got != want {
			t.Errorf("%d bytes are %s, want %s", bytes, got, want)
		}
	}
	now := time.Now()
	for age, want := range map[time.Duration]string{
		-time.Hour: "now", 59 * time.Second: "now", time.Minute: "1 min", time.Hour: "1 h", 47 * time.Hour: "47 h", 48 * time.Hour: "2 d",
	} {
		if got := plain.Age(now, now.Add(-age)); got != want {
			t.Errorf("%s is %s, want %s", age, got, want)
		}
	}
	if got := plain.Age(now, time.Time{}); got != "-" {
		t.Errorf("an unknown age is %s", got)
	}
	for n, want := range map[int]string{0: "0 layers", 1: "1 layer", 2: "2 layers"} {
		if got := plain.Count(n, "layer"); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}

func FuzzQuotedWordsReachTheShellUnchanged(f *testing.F) {
	for _, s := range []string{"", "a", "a b", "'", `\`, "$(id)", "`id`", "~", "*", "-n", "=x", "é\t", "a\\'b", "!", "#x", "a;b", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsRune(s, 0) {
			t.Skip("no argument of a program holds it")
		}
		out, err := exec.Command("sh", "-c", "printf %s "+plain.Quote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q became %q, %v", s, out, err)
		}
	})
}

func TestASizeIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"5MB": 5e6, "1.5 GB": 15e8, "300 kB": 3e5, "300KB": 3e5, "4096": 4096, "1 B": 1, "2TB": 2e12, plain.Size(1234567): 12e5,
	} {
		if n, err := plain.ParseSize(text); n != want || err != nil {
			t.Errorf("%q is %d, want %d (%v)", text, n, want, err)
		}
	}
	for _, text := range []string{"", "MB", "0", "-5MB", "+5MB", "5 MiB", "5Mbit", "5MBB", "1e9", "0x10", "Inf", "NaN", "1_000", "5  MB", "0.1 B", "9999999TB", "5MB/s", "٣MB"} {
		if n, err := plain.ParseSize(text); err == nil {
			t.Errorf("%q is %d", text, n)
		}
	}
}

func TestPeopleReadAWordOfTheirOwn(t *testing.T) {
	t.Parallel()
	type value string
	for in, want := range map[value]string{
		"before-image": "snapshot", "receipt-pending": "receipt", "settle": "confirm", "unsettled": "unconfirmed", "rolled back": "reverted",
		"leftovers": "interrupted deploys", "prove": "prove", "unchanged": "unchanged", "": "",
	} {
		if got := plain.Label(in); got != want {
			t.Errorf("the label of %q is %q, want %q", in, got, want)
		}
	}
}
