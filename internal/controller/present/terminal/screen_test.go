package terminal

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile"
)

// A text that fits does not change, and JSON means the same as before.
func TestWhatIsFitIsAsItWas(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain, ä 中文 \U0001f600\n\tx": "plain, ä 中文 \U0001f600\n\tx",
		Bad().Render("x"):             "\x1b[1;31mx\x1b[m",
		Point().Render("x"):           "\x1b[36mx\x1b[m",
		"\x1b[2Jx":                    `\u001b[2Jx`,
		"\x1b[31mx":                   `\u001b[31mx`,
		"\x1b]0;t\a":                  `\u001b]0;t\u0007`,
		"a\rb\x7f\u009b":              `a\u000db\u007f\u009b`,
		"a\u202eb\U000e0041":          `a\u202eb\udb40\udc41`,
		"a\xffb":                      "a\ufffdb",
	} {
		if got := legible(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	for _, v := range hostile.Values() {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(legible(string(b))), &got); err != nil || got != want {
			t.Errorf("%.60q in JSON is %.60q: %v", want, got, err)
		}
	}
}

func TestWhatAPersonCopiesIsNotBroken(t *testing.T) {
	t.Parallel()
	for _, whole := range []string{"/usr/share/doc/unidesk-controller/docs/configuration.md", "`systemctl status unidesk-agent.socket unidesk-agent.service`"} {
		for _, before := range []string{strings.Repeat("x", 10), strings.Repeat("x", 60), strings.Repeat("x", 75)} {
			got := fold(before+" "+whole+" has it.", 83)
			if !strings.Contains(got, whole) || strings.ReplaceAll(got, "\n", " ") != before+" "+whole+" has it." {
				t.Errorf("%q", got)
			}
		}
	}
}
