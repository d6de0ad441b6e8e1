package declared

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// FuzzAFailureTellsNoSecret: whatever Compose prints around a secret, the fault is some
// lines of it, without the secret and without what acts on a terminal.
func FuzzAFailureTellsNoSecret(f *testing.F) {
	const secret = "hunter2-correct-horse"
	f.Add("Error: ", " is wrong\n")
	f.Add("time=\"x\" level=warning msg=\"The \\\"", "\\\" variable is not set. Defaulting to a blank string.\"\n")
	f.Add("unknown flag: --", "")
	f.Add("docker: 'compose' is not a docker command.\n", "\n")
	f.Add("\x1b[31m", "\x1b[0m\r\n")
	f.Add(strings.Repeat("a line\n", 20), "\u202e")
	f.Add(" Network a_b  Removing\n Volume ", "\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		output := []byte(before + secret + after)
		text := Excerpt(output, []string{secret})
		err := Failure(errors.New("exit status 1"), output, []string{secret})
		for _, shown := range []string{text, err.Error()} {
			if strings.Contains(shown, secret) {
				t.Errorf("%q shows the secret", shown)
			}
			if strings.ContainsFunc(shown, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
				t.Errorf("%q acts on a terminal", shown)
			}
		}
		networks, volumes := Replaced(output)
		if !slices.IsSorted(networks) || !slices.IsSorted(volumes) {
			t.Errorf("%q, %q", networks, volumes)
		}
		for _, name := range slices.Concat(networks, volumes) {
			if name == "" || !strings.Contains(string(output), name) || strings.ContainsFunc(name, unicode.IsControl) {
				t.Errorf("%q is no name in what Compose printed", name)
			}
		}
	})
}
